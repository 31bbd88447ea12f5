-- A port range of ten, and the eleventh connection.
--
-- The textbook says: a client can have 65,535 connections. It can have as many as it has ports to one destination, and
-- the kernel hands out no more than net.ipv4.ip_local_port_range.

local l, a, b = assert(lab.line("a", "b"))
a:sysctl("net.ipv4.ip_local_port_range", "40000 40009")
a:sysctl("net.ipv4.tcp_rfc1337", 1) -- a late segment's RST must not end TIME_WAIT early, as it may otherwise (RFC 1337)

local s = assert(server.start{handler = "echo", on = b, addr = "b:7001"})
local crowd = client.open{to = s.addr, n = 10, on = a}
check.equal(crowd:stats().opened, 10, "ten connections")

local eleventh, err = client.dial(s.addr, {on = a})
check.equal(eleventh, nil, "there is no eleventh")
check.equal(err.code, "EADDRNOTAVAIL", "the kernel has no port left")

-- A connection is four numbers. To another destination the same ten ports serve again.
local t = assert(server.start{handler = "echo", on = b, addr = "b:7002"})
check.equal(client.open{to = t.addr, n = 10, on = a}:stats().opened, 10, "ten more, to another port")
check.equal(sock.states{on = a}.ESTABLISHED, 20, "connections of a, from ten ports")

-- Who closes first keeps the port for a minute: the client's own ports are what TIME_WAIT uses up.
crowd:close()
check.within(5, function()
  local n = sock.states{on = a, port = s.port}
  return n.TIME_WAIT == 10, n
end, "ten connections in TIME_WAIT at the client")
eleventh, err = client.dial(s.addr, {on = a})
check.equal(err and err.code, "EADDRNOTAVAIL", "all ten ports are still taken")

-- With tcp_tw_reuse a client may take such a port again after a second: timestamps tell old segments from new ones.
a:sysctl("net.ipv4.tcp_tw_reuse", 1)
check.within(5, function()
  eleventh, err = client.dial(s.addr, {on = a})
  return eleventh ~= nil, err
end, "with tcp_tw_reuse, after a second, there are ports again")
