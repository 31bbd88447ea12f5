package dns_test

import (
	"os/exec"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

// scripts print what stands behind --> in them.
var scripts = map[string]string{
	"what a rewrite may return": `
		local z = assert(dns.serve{zone = "a.test. 300 A 192.0.2.1\nb.test. TXT one", rewrite = function(q, a)
			if q.name == "same.test." then return a end
			if q.name == "text.test." then return "192.0.2.66" end
			if q.name == "drop.test." then return nil end
			if q.name == "none.test." then return {rcode = "NXDOMAIN"} end
			if q.name == "empty.test." then return {} end
			if q.name == "list.test." then return {{data = "192.0.2.5"}, {name = "x.test", type = "TXT", ttl = 7, data = '"hi"'}} end
			if a[1] then a[1].data, a[1].ttl = "192.0.2.99", 1 end
			return a
		end})
		local function ask(name, more)
			local o = {server = z.addr, timeout = 0.3, mix_case = false}
			for k, v in pairs(more or {}) do o[k] = v end
			local a, err = dns.resolve(name, o)
			if not a then return err.code end
			local out = {}
			for _, r in ipairs(a) do out[#out + 1] = table.concat({r.name, r.type, r.ttl, r.data}, " ") end
			return table.concat(out, "; ")
		end
		print(ask("a.test"))      --> a.test. A 1 192.0.2.99
		print(ask("same.test"))   --> NXDOMAIN
		print(ask("text.test"))   --> text.test. A 60 192.0.2.66
		print(ask("drop.test"))   --> ETIMEDOUT
		print(ask("none.test"))   --> NXDOMAIN
		print(ask("empty.test"))  -->
		print(ask("list.test"))   --> list.test. A 60 192.0.2.5; x.test. TXT 7 "hi"
		print(ask("text.test", {proto = "tcp"}))  --> text.test. A 60 192.0.2.66
		local s = z:stats()
		print(s.dropped >= 1, s.errors)  --> true	0`,
	"what a rewrite is told": `
		local seen
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function(q, a) seen = q return a end})
		assert(dns.resolve("a.test", {server = z.addr, id = 4711, mix_case = false, from = "127.0.0.9"}))
		print(seen.name, seen.type, seen.id, seen.proto, seen.from:match("^127.0.0.9:%d+$") ~= nil)  --> a.test.	A	4711	udp	true`,
	"a rewrite that fails": `
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function(q) error("no " .. q.type) end})
		print(select(2, dns.resolve("a.test", {server = z.addr, mix_case = false})).code, z:stats().errors)
		--> dns server: rewrite: test.lua:2: no A
		--> SERVFAIL	1
		local y = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function() return "not an address" end})
		print(select(2, dns.resolve("a.test", {server = y.addr, mix_case = false})).code, y:stats().errors)
		--> dns server: rewrite: a.test. A "not an address" is no record: dns: bad A A: "not" at line: 1:20
		--> SERVFAIL	1
		local x = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function() return {rcode = "WHAT"} end})
		print(select(2, dns.resolve("a.test", {server = x.addr})).code, x:stats().errors)
		--> dns server: rewrite: rcode "WHAT" unknown
		--> SERVFAIL	1
		local w = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function() return {{dat = 1}} end})
		print(select(2, dns.resolve("a.test", {server = w.addr})).code, w:stats().errors)
		--> dns server: rewrite: option 'dat' unknown, did you mean 'data'?
		--> SERVFAIL	1`,
	"queries wait beside each other": `
		local gate = fiber.channel(10)
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function(q, a)
			if q.name == "slow.test." then gate:recv() end
			return "192.0.2.1"
		end})
		local slow = fiber.spawn(function() return assert(dns.resolve("slow.test", {server = z.addr, mix_case = false, tries = 1, timeout = 10})) end)
		check.within(10, function() return z:stats().queries == 0 end, "nothing yet")
		print(#assert(dns.resolve("quick.test", {server = z.addr})))  --> ok   nothing yet
		--> 1
		gate:send(true)
		print((slow:join()))  --> true`,
	"a server that is stopped while a rewrite waits": `
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function() fiber.sleep(1000) return "192.0.2.1" end})
		local f = fiber.spawn(function() return dns.resolve("a.test", {server = z.addr, tries = 1, timeout = 0.5}) end)
		fiber.sleep(0.1)
		local from = fiber.now()
		z:stop()
		print(fiber.now() - from < 5)  --> true`,
	"forward": `
		local z = assert(dns.serve{zone = "a.test. 300 A 192.0.2.1\na.test. TXT one\nmail.test. MX 5 a.test."})
		local f = assert(dns.forward{to = z.addr})
		local function say(name, o) o = o or {} o.server = f.addr local a, err = dns.resolve(name, o) return a and a[1] and a[1].data or a and "no data" or err.code end
		print(say("a.test"), say("a.test", {type = "TXT"}), say("a.test", {type = "AAAA"}), say("b.test"), say("x.invalid"))
		--> 192.0.2.1	"one"	no data	NXDOMAIN	REFUSED
		print(say("mail.test", {type = "MX", proto = "tcp"}), say("MAIL.test", {type = "mx"}))  --> 5 a.test.	5 a.test.
		print(z:stats().queries, f:stats().queries, f:stats().tcp)  --> 7	7	1
		z:stop()
		print(say("a.test"))  --> SERVFAIL
		f:stop()
		print(say("a.test"))  --> ECONNREFUSED`,
	"an answer too long for UDP": `
		local lines = {}
		for i = 1, 200 do lines[i] = "big.test. TXT " .. ("x"):rep(40) .. i end
		local z = assert(dns.serve{zone = table.concat(lines, "\n")})
		local f = assert(dns.forward{to = z.addr, cache = true})
		for i = 1, 2 do print(#assert(dns.resolve("big.test", {server = f.addr, type = "TXT"}))) end
		--> 200
		--> 200
		print(z:stats().tcp, f:stats().truncated)  --> 1	2`,
	"cache": `
		local c = dns.cache{max = 2}
		local z = assert(dns.serve{zone = "a.test. 300 A 192.0.2.1\nshort.test. 0 A 192.0.2.2\nc.test. 100 A 192.0.2.3"})
		local f = assert(dns.forward{to = z.addr, cache = c})
		local function ask(name) local a, err = dns.resolve(name, {server = f.addr}) return a and a[1].data or err.code end
		print(ask("a.test"), ask("A.TEST"), z:stats().queries, c.hits, c.misses)  --> 192.0.2.1	192.0.2.1	1	1	1
		print(ask("no.test"), ask("no.test"), z:stats().queries)  --> NXDOMAIN	NXDOMAIN	2
		print(ask("short.test"), ask("short.test"), z:stats().queries)  --> 192.0.2.2	192.0.2.2	4
		for _, e in ipairs(c:entries()) do print(e.name, e.type, e.data, e.rcode, e.ttl > 50) end
		--> a.test.	A	192.0.2.1	NOERROR	true
		--> no.test.	A		NXDOMAIN	true
		print(ask("c.test"), c.size)  --> 192.0.2.3	2
		print(c:entries()[1].name, c:entries()[2].name)  --> a.test.	c.test.
		c:flush("a.test") print(c.size)  --> 1
		c:flush() print(c.size, #c:entries())  --> 0	0`,
	"a forwarder that a forger can guess": `
		local seen = {}
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", rewrite = function(q, a) seen[#seen + 1] = q.id .. " " .. q.from .. " " .. q.name return a end})
		local port = 20000 + math.random(9999)
		local f = assert(dns.forward{to = z.addr, id = 7, mix_case = false, from = "127.0.0.1:" .. port})
		assert(dns.resolve("a.test", {server = f.addr, mix_case = false}))
		print(seen[1] == "7 127.0.0.1:" .. port .. " a.test.")  --> true`,
	"compare": `
		local a, b = assert(dns.serve{zone = "x.test. 5 A 192.0.2.1\nx.test. A 192.0.2.2"}), assert(dns.serve{zone = "x.test. 9 A 192.0.2.2\nx.test. A 192.0.2.1"})
		local c, gone = assert(dns.serve{zone = "x.test. A 192.0.2.66"}), assert(dns.serve{zone = "y.test. A 192.0.2.1"})
		print(assert(dns.compare("x.test", {a.addr, b.addr})).same)  --> true
		local r = assert(dns.compare("x.test", {servers = {a.addr, c.addr, gone.addr}}))
		print(r.same, r.answers[c.addr][1].data, r.errors[gone.addr], #r.answers[a.addr])  --> false	192.0.2.66	NXDOMAIN	2
		print(assert(dns.compare("z.test", {a.addr, c.addr})).same)  --> true
		print(pcall(dns.compare, "x.test", {}))  --> false	test.lua:8: dns.compare: option 'servers': a list of servers expected, got none
		print(pcall(dns.compare, "x.test", {servers = {"1.2.3.4:http"}}))
		--> false	test.lua:9: dns.compare: option 'servers': address "1.2.3.4:http": the port must be a number from 0 to 65535, not "http"`,
	"reverse and lookup": `
		local z = assert(dns.serve{zone = "1.2.0.192.in-addr.arpa. PTR one.test.\n1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.test."})
		print(assert(dns.reverse("192.0.2.1", {server = z.addr}))[1].data, assert(dns.reverse("2001:db8::1", {server = z.addr}))[1].data)  --> one.test.	six.test.
		print(select(2, dns.reverse("192.0.2.2", {server = z.addr})).code)  --> NXDOMAIN
		print(pcall(dns.reverse, "one.test"))  --> false	test.lua:5: dns.reverse: argument 1 (ip): an IP address expected, got "one.test"
		print(table.concat(dns.lookup("127.0.0.1"), " "), table.concat(dns.lookup("localhost", {family = 6}), " "))  --> 127.0.0.1	::1
		print(select(2, dns.lookup("127.0.0.1", {family = 6})).code)  --> NXDOMAIN
		print(pcall(dns.lookup, "a b"))  --> false	test.lua:8: dns.lookup: argument 1 (name): name of a host expected, got "a b"`,
}

func TestScripts(t *testing.T) {
	for name, source := range scripts {
		t.Run(name, func(t *testing.T) { plugintest.New(t, std.All()...).Expect(source) })
	}
}

func TestForwardsMistakes(t *testing.T) {
	w := plugintest.New(t, std.All()...)
	w.Fails(`dns.forward{}`, "dns.forward: option 'to'")
	w.Fails(`dns.forward{to = "a b"}`, "dns.forward: option 'to': ")
	w.Fails(`dns.forward{to = "127.0.0.1", cache = 7}`, "dns.forward: option 'cache': true or a cache of dns.cache{} expected, got number")
	w.Fails(`dns.trace("a..b")`, `dns.trace: argument 1 (name): has an empty label`)
	w.Fails(`dns.trace("a.test", {start = "1.2.3.4:x"})`, "dns.trace: option 'start'")
	w.Fails(`dns.cache{max = 0}`, "dns.cache: option 'max'")
}

// world is two zones below a root, on hosts of their own, with a root that knows the addresses of one of them only.
const world = `
local l = assert(lab.new())
local me, root, test, other, s = l:host("me"), l:host("root"), l:host("test"), l:host("other"), l:switch("s")
for _, h in ipairs{me, root, test, other} do l:link(h, s) end
local function serve(h, zone) return assert(dns.serve{on = h, addr = h.name .. ":53", zone = zone:gsub("@(%w+)", function(n) return ({me = me, test = test, other = other})[n].addrs[1] end)}) end
local r = serve(root, [[
	.            SOA ns.root. admin.root. 1 3600 600 86400 60
	test.   77   NS  ns.other.
	other.       NS  ns.other.
	ns.other.    A   @other
	evil.        NS  ns.evil.
	ns.evil.     A   @me
]])
serve(other, [[
	other.       SOA ns.other. admin.other. 1 3600 600 86400 60
	ns.other.    A   @other
	www.other.   CNAME www.test.
	test.        SOA ns.other. admin.other. 1 3600 600 86400 60
	sub.test.    NS  ns.sub.test.
	ns.sub.test. A   @test
	lost.test.   NS  nowhere.other.
	www.test.    A   192.0.2.1
]])
serve(test, [[
	sub.test.    SOA ns.sub.test. admin.sub.test. 1 3600 600 86400 60
	www.sub.test. A  192.0.2.7
]])
local function way(name, o)
	o = o or {} o.start, o.on = r.addr, me
	local t, err = dns.trace(name, o)
	if not t then return err.code end
	local out = {}
	for _, step in ipairs(t) do out[#out + 1] = step.zone .. (step.glue and "+" or "") end
	return table.concat(out, " ") .. " = " .. (t.answer[1] and t.answer[1].data or "no data")
end
`

func TestTrace(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	plugintest.New(t, std.All()...).Expect(world + `
		print(way("www.sub.test"))              --> . test.+ sub.test.+ = 192.0.2.7
		print(way("WWW.Test."))                 --> . test.+ = 192.0.2.1
		print(way("www.test", {type = "TXT"}))  --> . test.+ = no data
		print(way("nothing.test"))              --> NXDOMAIN
		print(way("www.other"))                 --> . other.+ = www.test.
		print(way("a.lost.test"))               --> NXDOMAIN
		print(way("www.evil", {timeout = 0.5}))  --> ECONNREFUSED
		local t = assert(dns.trace("www.test", {start = r.addr, on = me}))
		print(t[2].ttl, t[2].name, t[2].server, t[1].ttl, t[1].name, t.answer.server == t[2].server)  --> 77	ns.other.	10.0.1.4:53	nil		true`)
}

// TestBesideDig: dig believes what forward and serve say.
func TestBesideDig(t *testing.T) {
	if _, err := exec.LookPath("dig"); err != nil {
		t.Skip("dig is not installed")
	}
	plugintest.New(t, std.All()...).Expect(`
		local z = assert(dns.serve{zone = "a.test. 300 A 192.0.2.1\nb.test. 60 CNAME a.test."})
		local f = assert(dns.forward{to = z.addr, cache = true, rewrite = function(q, a) if q.type == "TXT" then return '"hello there"' end return a end})
		local host, port = f.addr:match("(.*):(%d+)")
		local function dig(what)
			local p = io.popen("dig @" .. host .. " -p " .. port .. " +short " .. what)
			local out = p:read("*a"):gsub("\n", " ")
			p:close()
			return out
		end
		print(dig("a.test A"))   --> 192.0.2.1
		print(dig("b.test A"))   --> a.test. 192.0.2.1
		print(dig("b.test A"))   --> a.test. 192.0.2.1
		print(dig("t.test TXT")) --> "hello there"
		print(z:stats().queries) --> 3`)
}
