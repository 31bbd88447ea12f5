-- A process for each connection: what fork gives a handler, and the two mistakes that everybody makes once.
--
-- The parent accepts, hands the connection to a child, closes its own copy, and waits for the child's end.

-- Memory. A child works on copies of what its handler reaches, made when the connection was accepted.
local visits = 0
local s = assert(server.start{model = "process", handler = function(conn)
  visits = visits + 1
  conn:send(visits .. "\n")
end})
for i = 1, 3 do
  local c = assert(client.dial(s.addr))
  check.equal(c:recv("line"), "1", "client " .. i .. " is the first one that its child has seen")
  c:close()
end
check.equal(visits, 0, "visits that the parent knows of")

-- Descriptors. While a child serves, it alone has the connection.
local echo = assert(server.start{model = "process", handler = "echo"})
local c = assert(client.dial(echo.addr))
c:send("hello\n")
check.equal(c:recv("line"), "hello", "the echo comes back")
local ends = sock.list{local_port = echo.port, state = "ESTABLISHED"}
check.equal(#ends, 1, "the server's ends of it")
local mine = sock.list{peer_port = echo.port, state = "ESTABLISHED"}[1].pid
check.within(2, function() -- the child may have answered before the parent has closed its copy
  local pid = sock.list{local_port = echo.port, state = "ESTABLISHED"}[1].pid
  return pid ~= mine, pid
end, "the child has it, not the process of this script")
check.equal(echo:stats().processes, 1, "children")
c:close()
check.within(2, function() return echo:stats().processes == 0, echo:stats().processes end, "the child ends with its connection")

-- The first mistake: the parent keeps its copy. The child has closed, and the client waits for an end that does not come.
local keeps = assert(server.start{model = "process", keep_parent_copy = true, handler = function(conn) conn:send("bye\n") end})
c = assert(client.dial(keeps.addr))
check.equal(c:recv("line"), "bye", "all that the child had to say")
check.within(2, function() return keeps:stats().processes == 0 end, "the child has ended")
local _, err = c:recv({timeout = 0.3})
check.equal(err and err.code, "ETIMEDOUT", "the client sees no end")
keeps:stop()
check.equal(c:recv({timeout = 2}), nil, "only when the parent closes its copy, too, the end comes")

-- The second: nobody waits for the children. What is left of each is a zombie, a row in the kernel's table of processes.
local careless = assert(server.start{model = "process", reap = false, handler = "discard"})
for _ = 1, 3 do assert(client.dial(careless.addr)):close() end
check.within(2, function() local st = careless:stats() return st.closed == 3, st end, "three clients have come and gone")
print("zombies stay until the server stops: ps -o pid,stat,comm --ppid PID shows them as Z")
careless:stop()
