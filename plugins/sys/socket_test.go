package sys

import "testing"

func TestStream(t *testing.T) {
	holds(t, `
local s, addr = listener(2)
equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_ACCEPTCONN), 1)
fails("ENOTCONN", s:getpeername())
fails("EADDRINUSE", socket():bind(addr))
local c = socket()
equal(c:connect(addr), true)
local a, peer = s:accept()
equal(peer, c:getsockname()) equal(a:getpeername(), peer) equal(c:getpeername(), addr)
equal(c:send("hello"), 5) equal(a:recv(2), "he")
equal(a:recv(9, sys.MSG_PEEK), "llo") equal(a:recv(9), "llo")
fails("EAGAIN", a:recv(1, sys.MSG_DONTWAIT))
equal(a:write("by write"), 8) equal(c:read(100), "by write")
fiber.spawn(function() for i = 1, 5 do c:send(("x"):rep(3)) fiber.sleep(0.01) end end)
equal(a:recv(15, sys.MSG_WAITALL), ("x"):rep(15))
equal(c:shutdown(sys.SHUT_WR), true)
equal(a:recv(10), "") equal(a:recv(10), "", "again") equal(a:recv(10, sys.MSG_WAITALL), "")
equal(a:send("back"), 4) equal(c:recv(10), "back")
fails("EPIPE", c:send("x"))
fails("EINVAL", c:shutdown(7))
local free = socket() equal(free:listen(1), true) assert(free:getsockname():find("^0%.0%.0%.0:%d%d+$"))   -- as in C, it binds itself
fails("EINVAL", socket():accept())
s:close() fails("ECONNREFUSED", socket():connect(addr))
local data, from, beside = a:recvfrom(10, sys.MSG_DONTWAIT)
equal(data, "") equal(from, nil) equal(next(beside), nil)`)
}

// A blocking send gives the kernel all of it, a nonblocking one what fits; both say how much that was.
func TestPartialSend(t *testing.T) {
	holds(t, `
local big = ("0123456789abcdef"):rep(2 ^ 19)               -- 8 MiB
local c, a = pair()
local n
local f = fiber.spawn(function() n = c:send(big) c:shutdown(sys.SHUT_WR) end)
local parts = {}
while true do
  local d = a:recv(2 ^ 20)
  if d == "" then break end
  assert(#d <= 2 ^ 20) parts[#parts + 1] = d
end
assert(f:join()) equal(n, #big) assert(table.concat(parts) == big)

c, a = pair()
c:setnonblock(true)
local first = c:send(big)
assert(first > 0 and first < #big, first)
local more = first
while true do local k, err = c:send(big) if not k then equal(err.code, "EAGAIN") break end more = more + k end
local got = 0
while got < more do got = got + #a:recv(2 ^ 20) end
equal(got, more)
equal(sys.poll({{c, "OUT"}}, 1)[1].fd, c)

-- What has been taken before it fails is what send returns; the error comes with the next one.
c, a = pair()
fiber.spawn(function() fiber.sleep(0.05) a:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 0) a:close() end)
n = c:send(big) assert(n > 0 and n < #big, n)
local again, err = c:send("x") assert(again == nil and (err.code == "ECONNRESET" or err.code == "EPIPE"), tostring(err))`)
}

func TestNonblocking(t *testing.T) {
	holds(t, `
local s, addr = listener()
s:setnonblock(true) fails("EAGAIN", s:accept())
local c = assert(sys.socket(sys.AF_INET, TCP + sys.SOCK_NONBLOCK))
local ok, err = c:connect(addr)
equal(err and err.code, "EINPROGRESS")
equal(#select(2, sys.select({}, {c}, {}, 5)), 1)
equal(c:getsockopt(sys.SOL_SOCKET, sys.SO_ERROR), 0)
local a = eventually("accepted", function() return (s:accept()) end)
fails("EAGAIN", c:recv(10))
local d = c:dup() fails("EAGAIN", d:recv(10))
d:setnonblock(false)                                        -- the flag is the open file's: for both
fiber.spawn(function() fiber.sleep(0.05) a:send("late") end)
equal(c:recv(10), "late")
c:close() a:send("more") equal(d:recv(10), "more")
-- An accepted connection does not inherit it.
fiber.spawn(function() fiber.sleep(0.05) d:send("waited for") end)
equal(a:recv(100), "waited for")
-- A refused connect shows in SO_ERROR, once.
s:close() c = socket() c:setnonblock(true) c:connect(addr)
sys.poll({{c, "OUT"}}, 5)
equal(c:getsockopt(sys.SOL_SOCKET, sys.SO_ERROR), "ECONNREFUSED")
equal(c:getsockopt(sys.SOL_SOCKET, sys.SO_ERROR), 0)`)
}

func TestDatagrams(t *testing.T) {
	holds(t, `
for _, family in ipairs{sys.AF_INET, sys.AF_INET6} do
  local a, b = socket(UDP, family), socket(UDP, family)
  assert(a:bind(":0")) assert(b:bind(":0"))
  equal(b:sendto("one", a:getsockname()), 3) equal(b:sendto("", a:getsockname()), 0) equal(b:sendto("three", a:getsockname()), 5)
  local data, from, beside = a:recvfrom(100)
  equal(data, "one") equal(from, b:getsockname()) equal(beside.ttl, nil)
  equal(a:recvfrom(100), "")
  equal(a:recv(2), "th") fails("EAGAIN", a:recv(2, sys.MSG_DONTWAIT))    -- the rest of a datagram is lost
  if family == sys.AF_INET then a:setsockopt(sys.IPPROTO_IP, sys.IP_RECVTTL, true) b:setsockopt(sys.IPPROTO_IP, sys.IP_TTL, 3)
  else a:setsockopt(sys.IPPROTO_IPV6, sys.IPV6_RECVHOPLIMIT, true) b:setsockopt(sys.IPPROTO_IPV6, sys.IPV6_UNICAST_HOPS, 3) end
  b:sendto("x", a:getsockname())
  equal(select(3, a:recvfrom(10)).ttl, 3)
  fails("EDESTADDRREQ", b:send("x"))
  assert(b:connect(a:getsockname())) equal(b:send("y"), 1) equal(a:recv(9), "y")
  fails("EMSGSIZE", b:send(("z"):rep(70000)))
end
fails("EINVAL", socket(TCP, sys.AF_INET6):connect("127.0.0.1:1"))           -- too short for a sockaddr_in6
-- A port where nobody is: ICMP says so, to the connected socket, and to the error queue of one that asks.
local s = socket(UDP) s:bind(":0") local nobody = s:getsockname() s:close()
local u = socket(UDP) u:connect(nobody) u:send("x")
sys.poll({{u, 0}}, 5) fails("ECONNREFUSED", u:recv(1))
u = socket(UDP) u:setsockopt(sys.IPPROTO_IP, sys.IP_RECVERR, 1) u:sendto("lost", nobody)
equal(sys.has(sys.poll({{u, 0}}, 5)[1].events, "ERR"), true)
local data, to, beside = u:recvfrom(100, sys.MSG_ERRQUEUE)
equal(data, "lost") equal(to, nobody) equal(beside.error, "ECONNREFUSED") equal(beside.offender, "127.0.0.1")`)
}

func TestOptions(t *testing.T) {
	holds(t, `
local s = socket()
equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_DOMAIN), sys.AF_INET) equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_TYPE), TCP)
equal(s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, true), true) equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR), 1)
s:setsockopt(sys.SOL_SOCKET, sys.SO_RCVBUF, 50000) equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_RCVBUF), 100000)
s:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 3) equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_LINGER), 3)
s:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, false) equal(s:getsockopt(sys.SOL_SOCKET, sys.SO_LINGER), -1)
s:setsockopt(sys.IPPROTO_TCP, sys.TCP_CONGESTION, "reno") equal(s:getsockopt(sys.IPPROTO_TCP, sys.TCP_CONGESTION), "reno")
fails("ENOENT", s:setsockopt(sys.IPPROTO_TCP, sys.TCP_CONGESTION, "nonsense"))
fails("ENOPROTOOPT", s:setsockopt(sys.SOL_SOCKET, sys.SO_TYPE, 1))
fails("EINVAL", s:setsockopt(sys.IPPROTO_IP, sys.IP_TTL, 300))
raises("argument 3 (value): whole number or boolean expected for SO_REUSEADDR, got 1.5", s.setsockopt, s, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1.5)
raises("argument 3 (value): string expected for TCP_CONGESTION, got 1", s.setsockopt, s, sys.IPPROTO_TCP, sys.TCP_CONGESTION, 1)
raises("argument 2 (name): 9999 is no option", s.getsockopt, s, sys.SOL_SOCKET, 9999)
raises("argument 1 (level): SOL_SOCKET", s.getsockopt, s, 77, 1)
raises("did you mean 'SO_REUSEADDR'?", function() return sys.SO_REUSADDR end)
raises("sys has no field 1", function() return sys[1] end)
local r = sys.pipe() fails("ENOTSOCK", r:getsockopt(sys.SOL_SOCKET, sys.SO_ERROR)) fails("ENOTSOCK", r:recv(1)) fails("EBADF", r:write("x"))
fails("ENOTSOCK", sys.stdin:getsockname()) fails("EBADF", sys.stdin:write("x"))

-- SO_RCVTIMEO and SO_SNDTIMEO end a wait, as on a blocking descriptor of C's.
local l, addr = listener()
l:setsockopt(sys.SOL_SOCKET, sys.SO_RCVTIMEO, 0.1) equal(l:getsockopt(sys.SOL_SOCKET, sys.SO_RCVTIMEO), 0.1)
takes(0.1, function() fails("EAGAIN", l:accept()) end)
local c, a = pair()
c:setsockopt(sys.SOL_SOCKET, sys.SO_SNDTIMEO, 0.1)
takes(0.1, function() local n = c:send(("x"):rep(2 ^ 24)) assert(n > 0 and n < 2 ^ 24) end)
local n, err repeat n, err = c:send(("x"):rep(65536)) until not n
equal(err.code, "EAGAIN")`)
}

// A close with SO_LINGER waits for its fiber only, and a reset is one.
func TestLinger(t *testing.T) {
	holds(t, `
local c, a = pair()
c:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 30)
c:setnonblock(true) while c:send(("x"):rep(65536)) do end     -- the peer does not read: close waits
local closed
local f = fiber.spawn(function() closed = c:close() end)
fiber.sleep(0.1) equal(closed, nil)
a:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 0) a:close()
assert(f:join(5)) equal(closed, true)
c, a = pair()
c:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 0) c:close()
fails("ECONNRESET", a:recv(1))
-- Left open with one: the end of the script does not wait.
c, a = pair()
c:setsockopt(sys.SOL_SOCKET, sys.SO_LINGER, 30)
c:setnonblock(true) while c:send(("x"):rep(65536)) do end`)
}

func TestAddresses(t *testing.T) {
	holds(t, `
local s = socket() assert(s:bind("0.0.0.0:0")) assert(s:listen(5))
local port = s:getsockname():match("^0%.0%.0%.0:(%d+)$")
assert(socket():connect(":" .. port)) assert(socket():connect("localhost:" .. port)) assert(socket():connect("127.0.0.2:" .. port))
local six = socket(TCP, sys.AF_INET6)
assert(six:bind(":0")) assert(six:getsockname():find("^%[::1%]:"))
six = socket(TCP, sys.AF_INET6) assert(six:bind("[::]:0")) six:listen(5)
port = six:getsockname():match(":(%d+)$")
local c = socket() assert(c:connect("127.0.0.1:" .. port))
equal(select(2, six:accept()), c:getsockname())                -- an IPv4 peer is given as what it is
c = socket(TCP, sys.AF_INET6) assert(c:connect("[::ffff:127.0.0.1]:" .. port))
fails("EADDRNOTAVAIL", socket():bind("192.0.2.1:0"))
raises("argument 1 (addr)", s.bind, s, "nonsense") raises("argument 1 (addr)", s.connect, s, "127.0.0.1:70000")
raises("argument 2 (addr)", s.sendto, s, "x", ("a"):rep(256) .. ":1")
raises("argument 1 (family): sys.AF_INET", sys.socket, 77, TCP) raises("argument 2 (type): a raw socket", sys.socket, sys.AF_INET, 3)
raises("argument 2 (type): a raw socket", sys.socket, sys.AF_INET, 3 + sys.SOCK_NONBLOCK)
raises("argument 2 (type): sys.SOCK_STREAM", sys.socket, sys.AF_INET, 99)
raises("argument 3 (proto): whole number", sys.socket, sys.AF_INET, TCP, "tcp")
raises("option 'onn' unknown", sys.socket, sys.AF_INET, TCP, {onn = 1})
fails("EPROTONOSUPPORT", sys.socket(sys.AF_INET, TCP, sys.IPPROTO_UDP))
raises("argument 2 (flags)", s.recv, s, 1, 2 ^ 30) raises("argument 1 (n)", s.recv, s, -1)`)
}
