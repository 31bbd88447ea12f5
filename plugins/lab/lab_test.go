package lab_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == probeArg {
		os.Exit(probe(os.Args[2:]))
	}
	plugintest.Main(m, std.All()...)
}

// world is one of all plugins, where laboratories can be made.
func world(t testing.TB) *plugintest.World {
	t.Helper()
	plugintest.NeedsLaboratories(t)
	return plugintest.New(t, std.All()...)
}

// inLine is the beginning of most scripts here.
const inLine = `local l, a, r, b = assert(lab.line("a", "r", "b"))
`

// scripts print what stands behind --> in them.
var scripts = map[string]string{
	"the router forwards, and has no socket": inLine + `
		local s = assert(server.start{handler = "echo", on = b})
		local c = assert(client.dial(s.addr, {on = a}))
		c:send("ping\n")
		print(c:recv("line"), #sock.list{on = r}, #sock.list{on = a, state = "ESTABLISHED"})  --> ping	0	1
		print(c.local_addr:match("[^:]+"), #sock.list{port = s.port})  --> 10.0.1.2	0
		c:send("a" .. ("x"):rep(100000)) print(#c:recv(100001))  --> 100001`,
	"names": inLine + `
		local s = assert(server.start{handler = "echo", on = b})
		for _, name in ipairs{"b", "B", "b."} do
			print(assert(client.dial(name .. ":" .. s.port, {on = a})).peer_addr == s.addr)  --> true
		end
		--> true
		--> true
		print(select(2, client.dial("c:80", {on = a})))  --> dial c:80: lookup c: no host of the laboratory has that name, and this one asks no name server
		print(select(2, client.dial("c:80", {on = a})).code)  --> NXDOMAIN
		print(server.start{handler = "echo", on = b, addr = "a:0"})  --> nil	listen a:0: cannot assign requested address`,
	"a name server": `
		local l = assert(lab.new())
		local a, d, s = l:host("a", {resolver = "d"}), l:host("d"), l:switch("s")
		l:link(a, s) l:link(d, s)
		local z = assert(dns.serve{zone = "www.test. A " .. d.addrs[1], addr = "0.0.0.0:53", on = d})
		local web = assert(server.start{handler = "daytime", on = d, addr = "d:80"})
		print(assert(dns.resolve("www.test", {on = a}))[1].data)  --> 10.0.1.2
		print(assert(client.dial("www.test:80", {on = a})).peer_addr)  --> 10.0.1.2:80
		print(select(2, client.dial("nowhere.test:80", {on = a})).code)  --> NXDOMAIN
		print(select(2, dns.resolve("www.test", {on = s, timeout = 1})).code)  --> ECONNREFUSED`,
	"where servers listen": inLine + `
		local function at(addr) return (assert(server.start{handler = "echo", on = b, addr = addr}).addr:gsub(":%d+$", "")) end
		print(at(nil), at(":0"), at("[fd00:0:0:2::2]:0"))  --> 10.0.2.2	127.0.0.1	[fd00:0:0:2::2]
		local web = assert(server.start{handler = "echo", on = b, addr = "0.0.0.0:80"})
		print(web.port, assert(client.dial("[fd00:0:0:1::1]:1", {on = a}) == nil))  --> 80	true
		print(select(2, server.start{handler = "echo", on = b, addr = "0.0.0.0:80"}).code)  --> EADDRINUSE`,
	"IPv6, link-local too": inLine + `
		local s = assert(server.start{handler = "echo", on = b, addr = "[::]:0"})
		local c = assert(client.dial("[" .. b.addrs[2] .. "]:" .. s.port, {on = a}))
		c:send("x") print(c:recv(1), c.local_addr:match("%[(.-)%]"))  --> x	fd00:0:0:1::2
		local link
		for _, addr in ipairs(b:interfaces()[1].addrs) do link = addr:match("^(fe80.-)/") or link end
		local d = assert(client.dial("[" .. link .. "%eth1]:" .. s.port, {on = r}))
		d:send("y") print(d:recv(1))  --> y`,
	"run": inLine + `
		local s = l:run(b, function(handler)
			return assert(server.start{handler = handler})
		end, "echo")
		print(s.addr:match("[^:]+"))  --> 10.0.2.2
		local outside = assert(server.start{handler = "echo"})
		print(outside.addr:match("[^:]+"))  --> 127.0.0.1
		l:run(a, function()
			local f = fiber.spawn(function() return client.dial(s.addr) end)
			print(select(2, assert(f:join())).local_addr:match("[^:]+"))  --> 10.0.1.2
			l:run(r, function() print(assert(client.dial(s.addr)).local_addr:match("[^:]+")) end)  --> 10.0.2.1
			print(select(2, client.dial(outside.addr)).code)  --> ECONNREFUSED
		end)
		print(pcall(l.run, l, a, function() error("mine", 0) end))  --> false	mine
		print(l:run(a, function(...) return select("#", ...), ... end, 1, nil, 3))  --> 3	1	nil	3`,
	"cut and mended": inLine + `
		local s = assert(server.start{handler = "echo", on = b})
		local c = assert(client.dial(s.addr, {on = a}))
		local link = l.links[2]
		print(link, link.a == r, link.b == b, link.is_cut)  --> Link r–b	true	true	false
		link:cut()
		print(link, select(2, client.dial(s.addr, {on = a, timeout = 0.1})).code)  --> Link r–b (cut)	ETIMEDOUT
		c:send("late\n")
		print(a:interfaces()[1].up, r:interfaces()[2].up)  --> true	true
		link:mend()
		print(c:recv("line", {timeout = 5}))  --> late`,
	"a switch": `
		local l = assert(lab.new())
		local s, t = l:switch("s"), l:switch("t")
		local a, b, c = l:host("a"), l:host("b"), l:host("c")
		local ab = l:link(a, s) l:link(b, s) l:link(c, t) l:link(s, t)
		local srv = assert(server.start{handler = "echo", on = c})
		assert(client.dial(srv.addr, {on = a})) assert(client.dial(srv.addr, {on = b}))
		print(#s.addrs, s.kind, #s:interfaces(), a:interfaces()[1].mtu)  --> 0	switch	5	1500
		print(a:neighbours()[1].mac == c:interfaces()[1].mac)  --> true
		ab:cut()
		print(select(2, client.dial(srv.addr, {on = a, timeout = 0.1})).code)  --> ETIMEDOUT
		print(assert(client.dial(srv.addr, {on = b})).peer_addr == srv.addr)  --> true
		print(select(2, server.start{handler = "echo", on = s, addr = a.addrs[1] .. ":0"}).code)  --> EADDRNOTAVAIL`,
	"MTU": `
		local l = assert(lab.new())
		local a, b = l:host("a"), l:host("b")
		print(l:link(a, b, {mtu = 1000}).mtu)  --> 1000
		local s = assert(server.start{handler = "echo", on = b})
		local c = assert(client.dial(s.addr, {on = a}))
		c:send("x") c:recv(1)
		print(c:info().snd_mss, #a.addrs, a:interfaces()[1].mtu)  --> 948	1	1000`,
	"addresses and neighbours": `
		local l = assert(lab.new())
		local a, b = l:host("a", {addr = "192.0.2.1/28"}), l:host("b")
		l:link(a, b, {macs = {"02:00:00:00:aa:aa"}})
		print(b.addrs[1], a:interfaces()[1].mac, a:interfaces()[1].addrs[1])  --> 192.0.2.2	02:00:00:00:aa:aa	192.0.2.1/28
		a:add_address("192.0.2.9") a:add_address("198.51.100.1") a:add_address("203.0.113.1/24", "lo")
		print(a.addrs[2], a.addrs[3], table.concat(a:interfaces()[1].addrs, " "):match("192.0.2.9/28"))  --> 192.0.2.9	198.51.100.1	192.0.2.9/28
		print(a:remove_address("192.0.2.9"), a:remove_address("192.0.2.9"))  --> true	nil	remove_address a: it has no address 192.0.2.9
		local s = assert(server.start{handler = "echo", on = b})
		assert(client.dial(s.addr, {on = a}))
		print(a:neighbours()[1].ip, a:neighbours()[1].mac == b:interfaces()[1].mac)  --> 192.0.2.2	true
		a:set_neighbour("192.0.2.2", "02:00:00:00:99:99")
		print(a:neighbours()[1].mac, a:neighbours()[1].state)  --> 02:00:00:00:99:99	PERMANENT
		print(select(2, client.dial(s.addr, {on = a, timeout = 0.1})).code)  --> ETIMEDOUT
		a:set_neighbour("192.0.2.2")
		assert(client.dial(s.addr, {on = a}))
		print(select(2, a:set_neighbour("8.8.8.8", "02:00:00:00:99:99")))  --> set_neighbour a: 8.8.8.8 is on none of the host's links`,
	"settings": inLine + `
		print(a:sysctl("net.ipv4.ip_forward"), r:sysctl("net/ipv4/ip_forward"), r:sysctl("net.ipv4.tcp_rmem") ~= nil)  --> 0	1	true
		print(a:sysctl("net.ipv4.tcp_fin_timeout", 7), a:sysctl("net.ipv4.tcp_fin_timeout"), b:sysctl("net.ipv4.tcp_fin_timeout"))  --> true	7	60
		print(select(2, a:sysctl("net.ipv4.tcp_fin_timeout", "soon")).code)  --> EINVAL
		print(a:sysctl("net.ipv4.tcp_congestion_control", "reno"), a:sysctl("net.ipv4.tcp_congestion_control"))  --> true	reno`,
	"a host more, later": inLine + `
		local s = assert(server.start{handler = "echo", on = b})
		assert(client.dial(s.addr, {on = a}))
		local c = l:host("c")
		l:link(r, c)
		print(c.addrs[1], assert(client.dial(s.addr, {on = c})).local_addr:match("[^:]+"))  --> 10.0.3.2	10.0.3.2
		print(assert(client.dial("b:" .. s.port, {on = a})).peer_addr == s.addr)  --> true`,
	"programs": inLine + `
		local ip = assert(l:exec(r, "ip", "-br", "-4", "addr", "show", "eth1"))
		print(ip.code, ip.out:match("10%.%S+"), ip.err)  --> 0	10.0.2.1/24	
		print(l:exec(a, "sh", "-c", "echo out; echo err >&2; exit 3"))
		--> out   "out\n"
		--> err   "err\n"
		--> code  3
		print(l:exec(a, "sh", "-c", "kill -9 $$").code)  --> 137
		print(l:exec(a, "no-such-program"))  --> nil	exec no-such-program: no such program (on a)
		print(#l:exec(a, "head", "-c", "3000000", "/dev/zero").out, #l:exec(a, "head", "-c", "9000000", "/dev/zero").out)  --> 3000000	8388608
		print((l:exec(a, "cat", "/etc/hosts").out:gsub("\n.*10.0.2.2 b\n.*", "")))  --> 127.0.0.1 localhost
		print(l:exec(a, "cat").out == "", l:exec(a, "sh", "-c", "sleep 60 & echo on").out == "on\n")  --> true	true
		print(fiber.timeout(0.1, function() return l:exec(a, "sleep", "60") end))  --> nil	fiber.timeout not done within 100ms
		print(l:exec(a, "sh", "-c", "for p in /proc/[0-9]*; do [ -e $p/exe ] && echo; done | wc -l").out < "5")  --> true`,
	"closed": inLine + `
		local s = assert(server.start{handler = "echo", on = b})
		local c = assert(client.dial(s.addr, {on = a}))
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", on = b})
		local crowd = client.open{to = s.addr, n = 3, on = a}
		print(l, crowd.n)  --> Lab (3 hosts, 2 links)	3
		l:close()
		l:close()
		print(l, a, crowd.n)  --> Lab (3 hosts, 2 links) (closed)	Host a 10.0.1.2 fd00:0:0:1::2 (closed)	0
		print(pcall(c.recv, c))  --> false	test.lua:11: Conn:recv: the connection is closed
		print(pcall(client.dial, s.addr, {on = a}))  --> false	test.lua:12: client.dial: option 'on': the laboratory is closed
		print(pcall(a.interfaces, a))  --> false	test.lua:13: Host:interfaces: the laboratory is closed
		print(pcall(l.host, l, "c"))  --> false	test.lua:14: Lab:host: the laboratory is closed
		print(pcall(l.run, l, a, print))  --> false	test.lua:15: Lab:run: argument 1 (host): the laboratory is closed`,
	"killed": inLine + `
		local c = assert(client.dial(assert(server.start{handler = "echo", on = b}).addr, {on = a}))
		os.execute("kill -9 " .. l.pid)
		check.within(5, function() return (pcall(a.interfaces, a)) == false end)
		print(pcall(a.interfaces, a))  --> false	test.lua:6: Host:interfaces: the laboratory is closed: its process has ended
		check.within(5, function() return (pcall(c.recv, c)) == false end)`,
	"here": `print(lab.here, pcall(lab.here.routes, lab.here))  --> Host here 127.0.0.1 ::1	false	test.lua:1: Host:routes: the script has no network of its own here: start it as a FILE without --host, or nsh with --private
		print(pcall(client.dial, ":80", {on = lab.here}))  --> false	test.lua:2: client.dial: option 'on': the script has no network of its own here: start it as a FILE without --host, or nsh with --private`,
}

func TestScripts(t *testing.T) {
	for name, text := range scripts {
		t.Run(name, func(t *testing.T) { world(t).Expect(strings.ReplaceAll(text, "\n\t\t", "\n")) })
	}
}

// TestRefused is bad input: each is refused with the function, the argument and the reason, and nothing is built.
func TestRefused(t *testing.T) {
	for call, want := range map[string]string{
		`l:host("a")`:              `Lab:host: argument 1 (name): there is a host a already`,
		`l:host(("x"):rep(40))`:    `a name has 15 letters at most, and this has 40`,
		`l:link(a, a)`:             `Lab:link: argument 2 (b): a link from a to itself`,
		`l:link(a, b, {mtu = 10})`: `Lab:link: option 'mtu': 10: from 68`,
		`l:link(a, b, {addrs = {"10.0.0.1", "10.0.0.1"}})`:                      `Lab:link: option 'addrs': 10.0.0.1 is b's already`,
		`l:link(a, b, {addrs = {"1", "2", "3"}})`:                               `a link has two ends, and here are addresses for 3`,
		`l:host("h", {addr = "10.0.0.256"})`:                                    `Lab:host: option 'addr': "10.0.0.256" is no IP address`,
		`l:host("h", {gateway = "r"})`:                                          `Lab:host: option 'gateway': "r" is no IP address`,
		`local s, t = l:switch("s"), l:switch("t") l:link(s, t) l:link(t, s)`:   `a loop of switches would pass broadcasts round for ever`,
		`for i = 1, 10000 do l:host("h" .. i) end`:                              `Lab:host: argument 1 (name): a laboratory has 64 hosts, routers and switches at most`,
		`for i = 1, 300 do l:link(a, b) end`:                                    `Lab:link: argument 2 (b): a laboratory has 256 links at most`,
		`l:link(a, lab.new():host("x"))`:                                        `Lab:link: argument 2 (b): x is not of this laboratory`,
		`l:link(a, lab.here)`:                                                   `the script has no network of its own`,
		`l:run(lab.new():host("x"), print)`:                                     `Lab:run: argument 1 (host): x is not of this laboratory`,
		`l:exec(lab.new():host("x"), "true")`:                                   `Lab:exec: argument 1 (host): x is not of this laboratory`,
		`l:exec(a, "")`:                                                         `Lab:exec: argument 2 (program): an empty string is no program`,
		`a:sysctl("net.ipv4.tcp_syncooki")`:                                     `Host:sysctl: argument 1 (name): "net.ipv4.tcp_syncooki" unknown, did you mean 'net.ipv4.tcp_syncookies'?`,
		`a:sysctl("vm.swappiness")`:                                             `"vm.swappiness" is the machine's, not a network's`,
		`a:sysctl("kernel.core_pattern", "x")`:                                  `"kernel.core_pattern" is the machine's, not a network's`,
		`a:sysctl("net/../vm/swappiness", 1)`:                                   `is no name of a setting`,
		`a:sysctl("net.ipv4")`:                                                  `net.ipv4 is a folder of settings`,
		`a:sysctl("net.core.netdev_max_backlog")`:                               `net.core.netdev_max_backlog is one setting for the whole machine`,
		`a:sysctl("net.ipv4.ip_forward", {})`:                                   `Host:sysctl: argument 2 (value): number, string or boolean expected, got table`,
		`a:set_neighbour("x", "y")`:                                             `Host:set_neighbour: argument 1 (ip): "x" is no IP address`,
		`a:set_neighbour("10.0.0.1", "y")`:                                      `Host:set_neighbour: argument 2 (mac): "y" is no Ethernet address`,
		`l:link(a, b) a:add_address("10.0.0.9", "eth7")`:                        `Host:add_address: argument 2 (interface): "eth7" unknown, did you mean 'eth0'?`,
		`a:add_address("10.0.0.9/99")`:                                          `Host:add_address: argument 1 (ip): "10.0.0.9/99" is no IP address`,
		`lab.line("a")`:                                                         `lab.line: `,
		`lab.line("a", "b", "a")`:                                               `there is a host a already`,
		`local h = l:host("h", {gateway = "10.9.9.9"}) l:link(a, h) h:routes()`: `h's gateway 10.9.9.9 is on none of its links`,
	} {
		t.Run(call, func(t *testing.T) {
			w := world(t)
			w.Fails("local l = assert(lab.new()) local a, b = l:host('a'), l:host('b')\n"+call, want)
		})
	}
}
