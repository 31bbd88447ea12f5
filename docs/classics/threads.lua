-- A server with a thread for each connection. Threads share the descriptors: there is one of each, and whoever closes it
-- closes it for all. So the thread closes its connection, and the one that accepts must not.
--
--   nsh docs/classics/threads.lua

local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0"))
assert(s:listen(5))
local port = tonumber(s:getsockname():match("%d+$"))

local served = 0                                       -- shared, too: no copies, as a child process would have
local function serve(conn)
  local data, err = conn:recv(100)
  while data and data ~= "" do
    served = served + 1
    conn:send(sys.gettid() .. ": " .. data)
    data, err = conn:recv(100)
  end
  if data then conn:close() end                        -- or the client would never see the end
  return data or err.code
end

local function dial()
  local c = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  return assert(c:connect(s:getsockname())) and c
end

local clients, threads, tids = {}, {}, {}
for i = 1, 3 do
  clients[i] = dial()
  threads[i] = assert(sys.thread(serve, (assert(s:accept()))))
end
for i = 3, 1, -1 do                                    -- in an order of their own: each has a thread that waits for it
  clients[i]:send("hello")
  tids[clients[i]:recv(100):match("^%d+")] = i
end
local n = 0
for tid in pairs(tids) do n = n + 1 end
check.equal(n, 3, "three connections, three threads")
check.equal(served, 3, "which count with one variable")
check.equal(sock.list{local_port = port, state = "ESTABLISHED"}[1].pid, sys.getpid(), "in one process, which has them all")
for i = 1, 3 do
  clients[i]:shutdown(sys.SHUT_WR)
  check(clients[i]:recv(100) == "" and threads[i]:join(5), "a thread has closed its connection: the client sees the end")
end

-- The bug: the one that accepts closes the connection, as the parent of a process would.
local c = dial()
local conn = assert(s:accept())
local number = conn:fileno()
local thread = assert(sys.thread(serve, conn))
fiber.yield()                                          -- the thread waits in recv
conn:close()
local _, why = thread:join(5)
check(tostring(why):find("EBADF") or tostring(why):find("is closed"), "the thread has no connection: " .. tostring(why))
check.equal(c:recv(100), "", "and the client is told the end in the middle")
local other = dial()                                   -- in C the thread would not even notice:
check.equal(other:fileno(), number, "the next socket has the same number, and it would read somebody else's")
