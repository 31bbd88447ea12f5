-- The iterative server: one connection after the other. Whoever comes meanwhile waits in the listen queue; who finds the
-- queue full is not answered at all, and sends its SYN again a second later.
--
--   nsh docs/classics/iterative.lua [seconds for each client]

local pause = tonumber(arg[1]) or 0.1                  -- a whole second, for reading along: nsh iterative.lua 1
local n, backlog = 5, 2

local function listener(addr)
  local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  assert(s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1))         -- before bind: see below
  assert(s:bind(addr))
  assert(s:listen(backlog))
  return s
end

local s = listener(":0")                               -- port 0: a free one
local addr = s:getsockname()
local port = tonumber(addr:match("%d+$"))

-- The client connects n times, one after the other. connect returns when the kernel of the other side has answered:
-- the server need not have accepted anything.
local took, answers = {}, {}
local client = fiber.spawn(function()
  local conns = {}
  for i = 1, n do
    local t = fiber.now()
    conns[i] = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
    assert(conns[i]:connect(addr))
    took[i] = fiber.now() - t
    print(("client: connection %d after %.2f s"):format(i, took[i]))
  end
  for i = 1, n do answers[i] = conns[i]:recv(100) conns[i]:recv(100) conns[i]:close() end
end)

local queue = function() return sock.list{local_port = port, state = "LISTEN"}[1].recv_q end
check.within(2, function() return queue() == backlog + 1, queue() end, "listen(2): three wait, one more than its limit")
check.within(2, function() return sock.states{peer_port = port}.SYN_SENT == 1 end, "the fourth is still sending its SYN")

for i = 1, n do                                        -- the accept loop
  local conn, peer = assert(s:accept())
  fiber.sleep(pause)                                   -- the work; nobody else is served meanwhile
  conn:send("you are number " .. i)
  conn:close()                                         -- the server closes first
end
assert(client:join())
check.equal(answers[n], "you are number 5", "the last one is served, too")
check(took[1] < 0.5 and took[4] > 0.5, ("the fourth connect took %.2f s"):format(took[4]))

-- The bug: setsockopt after bind. The server has closed first, so its port is in TIME_WAIT, and it cannot start again.
s:close()
check.within(2, function() return sock.states{local_port = port}.TIME_WAIT == n end, "five in TIME_WAIT")
local late = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
local ok, err = late:bind(addr)
late:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1)   -- succeeds, and helps nobody: bind has asked for it already
check.equal(err and err.code, "EADDRINUSE", "setsockopt after bind: the port is in use")
check(pcall(listener, addr), "setsockopt before bind: the server starts again")
