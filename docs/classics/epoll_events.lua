-- Events are bits. An event loop that compares them with == works until two of them come together.
--
--   nsh docs/classics/epoll_events.lua

local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0"))
assert(s:listen(5))
local port = tonumber(s:getsockname():match("%d+$"))

-- A client that says its last word and closes: the word and the FIN are there when the server looks.
local function last_words()
  local c = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  assert(c:connect(s:getsockname()))
  c:send("the last word")
  c:close()
  local conn = assert(s:accept())
  check.within(2, function() return sock.states{local_port = port}.CLOSE_WAIT == 1 end, "the FIN is there")
  return conn
end

-- Serves one connection for at most ten turns; readable is the test that this is about.
local function serve(conn, readable)
  local ep, heard = sys.epoll(), {}
  ep:register(conn, "IN|RDHUP")
  for turn = 1, 10 do
    for _, e in ipairs(ep:wait(1)) do
      if readable(e.events) then
        local data = e.fd:recv(4096)
        if data == "" then
          ep:unregister(e.fd)
          e.fd:close()
          return table.concat(heard), turn
        end
        table.insert(heard, data)
      end
    end
  end
  return table.concat(heard), "for ever"
end

local heard, turns = serve(last_words(), function(events) return sys.has(events, "IN") end)
check.equal(heard, "the last word", "sys.has(events, \"IN\") hears it, and the end after it")
check.equal(turns, 2, "in two turns")

-- The bug: IN|RDHUP is not IN.
local conn = last_words()
heard, turns = serve(conn, function(events) return events == sys.EPOLLIN end)
check.equal(heard, "", "events == sys.EPOLLIN hears nothing")
check.equal(turns, "for ever", "and is woken again and again for what it does not take")
local row = sock.list{local_port = port, state = "CLOSE_WAIT"}[1]
check.equal(row.recv_q, #"the last word" + 1, "which the kernel has: thirteen bytes and the FIN, in CLOSE_WAIT")
