-- close takes a descriptor out of an epoll set only when it was the last one of its open file: epoll(7), questions and
-- answers. With a dup of it somewhere, in a child or in another table, the set goes on telling of it.
--
--   nsh docs/classics/epoll_unregister.lua

local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0"))
assert(s:listen(5))
local ep = assert(sys.epoll())

-- A connection whose client has sent something that nobody reads: readable, as long as it is open.
local function connection()
  local c = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  assert(c:connect(s:getsockname()))
  local conn = assert(s:accept())
  assert(ep:register(conn, "IN"))
  c:send("hello")
  check.equal(ep:wait(2)[1].fd, conn, "the set tells of it")
  return conn
end

local function events_in(turns)
  local n = 0
  for _ = 1, turns do n = n + #ep:wait(0) end
  return n
end

local conn = connection()                              -- nobody else has it: close is enough
conn:close()
check.equal(events_in(100), 0, "closed, and gone from the set")

conn = connection()                                    -- somebody else has it: unregister, then close
local copy = conn:dup()
ep:unregister(conn)
conn:close()
check.equal(events_in(100), 0, "unregistered and closed, and gone from the set")
check.equal(copy:recv(100), "hello", "the connection lives on in the copy")
copy:close()

-- The bug: forgetting to unregister.
conn = connection()
copy = conn:dup()
conn:close()
check.equal(events_in(100), 100, "closed only: every turn tells of what is closed")
check.equal(ep:wait(0)[1].fd, conn, "and it is the closed one")
local ok, why = pcall(ep.unregister, ep, conn)
check(not ok, "too late: " .. tostring(why))           -- in C: EBADF, or somebody else's descriptor by now
copy:close()                                           -- the last one
check.equal(events_in(100), 0, "the copy is closed: the kernel forgets it at last")
