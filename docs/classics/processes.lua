-- A server with a process for each connection. fork copies the descriptors: afterwards both processes have the listener
-- and the connection, and each must close what is not its own. A connection ends when its last copy is closed.
--   nsh docs/classics/processes.lua

local function listener(addr)
  local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1)
  assert(s:bind(addr))
  assert(s:listen(5))
  return s, s:getsockname()
end

-- Accepts one connection and has a child serve it. What each of the two closes is what this is about.
local function serve_one(s, child_closes, parent_closes)
  local conn = assert(s:accept())
  local pid = assert(sys.fork(function()
    if child_closes then s:close() end                 -- the child: it accepts nobody
    local data = conn:recv(100)
    while data ~= "" do
      conn:send(sys.getpid() .. ": " .. data)
      data = conn:recv(100)
    end                                                -- its end closes the connection, and all else that it has
  end))
  if parent_closes then conn:close() end               -- the parent: it serves nobody
  return pid, conn
end

local function dial(addr)
  local c = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  return assert(c:connect(addr)) and c
end

local s, addr = listener(":0")
local c = dial(addr)
local pid, conn = serve_one(s, true, true)
c:send("hello")
check.equal(c:recv(100), pid .. ": hello", "the child serves the connection")
local row = sock.list{local_port = tonumber(addr:match("%d+$")), state = "ESTABLISHED"}[1]
check.equal(row.pid, pid, "and alone has it")
c:shutdown(sys.SHUT_WR)
check.equal(c:recv(100), "", "when it ends, the client sees the end")
check.equal(sys.waitpid(pid), pid, "waitpid: or it stays as a zombie")

c = dial(addr)                                         -- the bug: the parent keeps its copy of the connection
pid, conn = serve_one(s, true, false)
c:shutdown(sys.SHUT_WR)
sys.waitpid(pid)
check.equal(#sys.select({c}, {}, {}, 0.2), 0, "the child has gone, and its client still waits for the end")
conn:close()                                           -- a server that never does runs out of descriptors, too
check.equal(c:recv(100), "", "the last copy is closed: there it is")

c = dial(addr)                                         -- the other one: the child keeps its copy of the listener
pid = serve_one(s, false, true)
s:close()                                              -- the server ends, and is to start again
local ok, why = pcall(listener, addr)
check(not ok and tostring(why):find("in use"), "the port is not free: the child listens, and never accepts")
c:close()
sys.waitpid(pid)
check(pcall(listener, addr), "the child has gone: the server starts again")
