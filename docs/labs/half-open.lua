-- Half-open connections, without a forged packet: a router with a wrong neighbour entry sends the answers nowhere.
--
-- The textbook says: the queue of half-open connections is as long as tcp_max_syn_backlog. Its limit is the backlog of
-- listen(2), plus one. SYN cookies are what lets honest clients in when it is full.

local l = assert(lab.new())
local a, c, r, b = l:host("a"), l:host("c"), l:router("r"), l:host("b")
l:link(a, r) l:link(c, r) l:link(r, b)
print(l:picture())

local backlog, port = 16, 8000
assert(client.dial(assert(server.start{handler = "echo", on = b}).addr, {on = a})) -- a and b can talk

-- Of two SYNs on two processors at the same moment both may find the last place free.
local function full() local n = sock.states{port = port, on = b}.SYN_RECV return n == backlog + 1 or n == backlog + 2 end

-- Connections whose SYN arrives and whose SYN-ACK does not: a waits, b has them half-open.
local function flood(cookies)
  port = port + 1 -- half-open connections outlive their listener
  b:sysctl("net.ipv4.tcp_syncookies", cookies)
  local s = assert(server.start{handler = "echo", on = b, backlog = backlog, addr = "0.0.0.0:" .. port})
  r:set_neighbour(a.addrs[1], "02:00:00:00:99:99")
  local crowd = client.open{to = "b:" .. port, n = 60, timeout = 0.7, on = a}
  check.equal(crowd:stats().timed_out, 60, "every connection of a times out")
  check(full(), "b has as many half-open connections as its backlog, and one")
  local honest, err = client.dial("b:" .. port, {on = c, timeout = 0.5})
  r:set_neighbour(a.addrs[1]) -- mended
  return honest, err
end

local honest, err = flood(0)
check.equal(honest, nil, "without cookies an honest client gets no connection")
check.equal(err.code, "ETIMEDOUT", "its SYN is dropped, without a word")

honest = flood(1)
check(honest, "with SYN cookies it does, though the queue is as full")
honest:send("hello\n")
check.equal(honest:recv("line"), "hello", "and it is served")

-- What cookies change is what b has to remember: nothing, until the last acknowledgement brings the cookie back.
local told = sock.counters{on = b}.TcpExt
check(told.SyncookiesSent >= 42 and told.SyncookiesRecv == 1, "cookies were sent, and the honest client's came back")
check(full(), "b has as many half-open ones, still")
