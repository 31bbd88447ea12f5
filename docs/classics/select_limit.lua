-- select's sets have 1024 bits (FD_SETSIZE), one for each descriptor from 0 to 1023. In C the bit of number 1024 is
-- somebody else's memory. nsh refuses it; poll and epoll have no such end.
--
--   nsh docs/classics/select_limit.lua

local r, w = sys.pipe()
local low, high = r, r
while high:fileno() < sys.FD_SETSIZE do                -- as a server with a thousand connections
  local more, err = high:dup()
  if not more then skip("only so many descriptors here: " .. tostring(err)) end
  low, high = high, more
end
w:write("x")

check.equal(low:fileno(), sys.FD_SETSIZE - 1, "the last one that has a bit")
check.equal(sys.select({low}, {}, {}, 1)[1], low, "select knows it")

local ok, err = sys.select({low, high}, {}, {}, 1)     -- one too high, and the whole call fails
check.equal(err and err.code, "EINVAL", tostring(err))

check.equal(sys.poll({{high, "IN"}}, 1)[1].fd, high, "poll takes a list, and any number in it")
local ep = sys.epoll()
ep:register(high, "IN")
check.equal(ep:wait(1)[1].fd, high, "and so does epoll")
