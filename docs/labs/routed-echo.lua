-- A routed echo: two hosts, a router between them, and who has a socket for their connection.
--
-- The textbook says: a router works on the network layer. It forwards packets and knows nothing of connections.

local l, a, r, b = assert(lab.line("a", "r", "b"))
print(l:picture())

local s = assert(server.start{model = "epoll", handler = "echo", on = b})
local c = assert(client.dial("b:" .. s.port, {on = a}))
c:send("over the router\n")
check.equal(c:recv("line"), "over the router", "the echo comes back")

-- Both ends have a socket of it, and the router has none.
check.equal(#sock.list{on = a, state = "ESTABLISHED"}, 1, "connections that a knows")
check.equal(#sock.list{on = b, state = "ESTABLISHED"}, 1, "connections that b knows")
check.equal(#sock.list{on = r}, 0, "sockets on the router")

-- What the router has is a route, and a neighbour on each side.
check.equal(r:sysctl("net.ipv4.ip_forward"), 1, "the router forwards")
check.equal(a:sysctl("net.ipv4.ip_forward"), 0, "a does not")
check.equal(a:routes()[1].via, r.addrs[1], "a's way to everywhere is the router")

local function mac(host, ip)
  for _, n in ipairs(host:neighbours()) do
    if n.ip == ip then return n.mac end
  end
end
check.equal(mac(a, r.addrs[1]), r:interfaces()[1].mac, "a sends its frames to the router")
check.equal(mac(a, b.addrs[1]), nil, "a knows no Ethernet address of b")

-- The time to live falls by one at each router: with 1 a packet gets no further than r.
local far, err = client.dial("b:" .. s.port, {on = a, ttl = 1, timeout = 2})
check.equal(far, nil, "a packet with TTL 1 does not reach b")
check.equal(err.code, "EHOSTUNREACH", "the router says so (ICMP time exceeded)")
check(client.dial("b:" .. s.port, {on = a, ttl = 2}), "with TTL 2 it gets there")

-- A router that stops forwarding is a wall.
r:sysctl("net.ipv4.ip_forward", 0)
local late, why = client.dial("b:" .. s.port, {on = a, timeout = 0.3})
check.equal(late, nil, "no connection gets through a router that does not forward")
print("without forwarding: " .. tostring(why))
