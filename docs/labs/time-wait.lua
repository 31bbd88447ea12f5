-- Who may bind a port whose last connections are in TIME_WAIT? Eight combinations: whether the old server had set
-- SO_REUSEADDR, whether the new one sets it, and who closed first.
--
-- The textbook says: "set SO_REUSEADDR and a restarted server can bind". The kernel asks both servers.

local l, a, b = assert(lab.line("a", "b"))
for _, host in ipairs{a, b} do
  host:sysctl("net.ipv4.tcp_rfc1337", 1) -- without it a late segment's RST may end TIME_WAIT at once (RFC 1337)
end
local port = 8000

-- One connection that ends in order, closed first by the server (daytime) or by the client (echo).
local function connection(s, first)
  local c = assert(client.dial("b:" .. s.port, {on = a}))
  if first == "client" then
    c:shutdown("write")
  end
  repeat until not c:recv()
  c:close()
end

local rows = {}
for _, first in ipairs{"server", "client"} do
  for old = 0, 1 do
    for new = 0, 1 do
      port = port + 1
      local how = {on = b, addr = "0.0.0.0:" .. port, handler = first == "server" and "daytime" or "echo", reuse_addr = old == 1}
      local s = assert(server.start(how))
      connection(s, first)
      local waits = first == "server" and b or a
      check.within(5, function()
        local n = sock.states{port = port, on = waits}
        return n.TIME_WAIT == 1 and n.ESTABLISHED + n.LAST_ACK + n.CLOSE_WAIT + n.FIN_WAIT2 == 0, n
      end, "TIME_WAIT is where the connection was closed first: at the " .. first)
      s:stop()

      how.reuse_addr = new == 1
      local again, err = server.start(how)
      rows[#rows + 1] = {closed_first = first, old = old, new = new, bind = again and "ok" or err.code}
      if again then again:stop() end
      local may = first == "client" or old == 1 and new == 1
      check.equal(again ~= nil, may, ("%s closes first, SO_REUSEADDR old %d, new %d: %s"):format(first, old, new, may and "binds" or "does not"))
    end
  end
end
print(rows)

-- How long it lasts is fixed when the kernel is compiled: 60 seconds, whatever tcp_fin_timeout says.
b:sysctl("net.ipv4.tcp_fin_timeout", 5)
local row = sock.list{on = b, state = "TIME_WAIT"}[1]
check(row.timer.name == "timewait" and row.timer.seconds > 50, "the timer runs for 60 seconds")
