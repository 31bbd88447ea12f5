-- An echo server on epoll(7), edge-triggered: the kernel tells once that something has changed, not as long as it holds.
-- So everything is taken until EAGAIN, and for that all descriptors are nonblocking.
--
--   nsh docs/classics/epoll.lua

local function listener()
  local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1)
  assert(s:bind(":0"))
  assert(s:listen(100))
  s:setnonblock(true)
  return s, s:getsockname()
end

-- Sends back everything that is there, and says whether the client has gone. What it sends fits into the buffer here; a
-- server that sends more keeps the rest and waits for OUT.
local function echo(ep, fd)
  while true do
    local data, err = fd:recv(4096)
    if not data and err.code == "EAGAIN" then return false end
    if not data or data == "" then                     -- "": the end
      ep:unregister(fd)                                -- first this, then close: see epoll_unregister.lua
      return fd:close()
    end
    fd:send(data)
  end
end

-- Serves until so many clients have gone, or nothing has happened for so long. accept_all is what this is about.
local function server(s, clients, quiet, accept_all)
  local ep, accepted, gone = sys.epoll(), 0, 0
  ep:register(s, "IN|ET")
  repeat
    local ready = ep:wait(quiet)
    for _, e in ipairs(ready) do
      local conn = e.fd == s and s:accept()
      if e.fd ~= s and echo(ep, e.fd) then gone = gone + 1 end
      while conn do
        conn:setnonblock(true)
        ep:register(conn, "IN|ET")
        accepted, conn = accepted + 1, accept_all and s:accept()
      end
    end
  until gone == clients or #ready == 0
  return accepted
end

local s, addr = listener()
local running = fiber.spawn(server, s, 50, 10, true)
local crowd = client.open{to = addr, n = 50}
check.equal(crowd:send("ping") + crowd:recv(4), 100, "fifty clients get back what they sent")
crowd:close()
check.equal(select(2, running:join()), 50, "fifty were accepted, and have gone")

s, addr = listener()                                   -- the bug: one accept for each edge
crowd = client.open{to = addr, n = 3}                  -- three have come before the server looks: that is one change
check.equal(server(s, 3, 0.2, false), 1, "one accept per edge: one of three is accepted")
check.equal(sock.list{local_port = tonumber(addr:match("%d+$")), state = "LISTEN"}[1].recv_q, 2, "two wait in the queue")
