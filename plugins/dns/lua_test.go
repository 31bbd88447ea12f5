package dns_test

import (
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/dns"
	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

func TestMain(m *testing.M) { plugintest.Main(m, std.All()...) }

func TestFromLua(t *testing.T) {
	plugintest.New(t, dns.Plugin()).Expect(`
		local z = assert(dns.serve{zone = [[
			a.test.  A     192.0.2.1
			a.test.  A     192.0.2.2
			b.test.  CNAME a.test.
			t.test.  TXT   "one" "two"
		]]})
		local a = assert(dns.resolve("a.test", {server = z.addr}))
		print(#a, a.rcode, a.server == z.addr, a.seconds > 0 and a.seconds < 5, next(a.rejected))  --> 2	NOERROR	true	true	nil
		print(a.message:match("QUESTION SECTION") ~= nil, type(a[1].ttl), a[1].ttl)  --> true	number	3600
		for _, r in ipairs(assert(dns.resolve("b.test", {server = z.addr}))) do print(r.name, r.type, r.data) end
		--> b.test.	CNAME	a.test.
		--> a.test.	A	192.0.2.1
		--> a.test.	A	192.0.2.2
		print(assert(dns.resolve("t.test", {server = z.addr, type = "txt", proto = "tcp"}))[1].data)  --> "one" "two"
		local none, err = dns.resolve("c.test", {server = z.addr})
		print(none, err.code, err.op, err.addr)  --> nil	NXDOMAIN	resolve	c.test
		print(tostring(err):gsub(":%d+%)", ":port)"))  --> resolve c.test: no such name (NXDOMAIN from 127.0.0.1:port)	1
		print(pcall(function() dns.resolve(("x"):rep(64) .. ".test") end))  --> false	test.lua:19: dns.resolve: argument 1 (name): has a label of more than 63 bytes: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
		print(pcall(function() dns.serve{zone = "a.test. A 1"} end))  --> false	test.lua:20: dns.serve: option 'zone': line 1: bad A A: "1" in "a.test. A 1"
		assert(z:stop()) assert(z:stop())
		print(z.addr ~= nil, z:stats().tcp)  --> true	1
	`)
}

// What the scope's end closes is closed before the next test counts descriptors; a server that nobody stops is one.
func TestTheScopeClosesIt(t *testing.T) {
	out, err := plugintest.New(t, dns.Plugin()).Run(`for i = 1, 10 do assert(dns.serve{zone = "a.test. A 192.0.2.1"}) end print("up")`)
	if err != nil || strings.TrimSpace(out) != "up" {
		t.Fatal(out, err)
	}
}

// While a fiber waits for an answer, others run; cancelling it ends the wait.
func TestOthersRunMeanwhile(t *testing.T) {
	plugintest.New(t, dns.Plugin()).Expect(`
		local z = assert(dns.serve{zone = "a.test. A 192.0.2.1", delay = 0.05})
		local quiet = assert(dns.serve{zone = "a.test. A 192.0.2.1", drop = 1})
		local start, all = fiber.now(), {}
		for i = 1, 50 do all[i] = fiber.spawn(function() return assert(dns.resolve("a.test", {server = z.addr}))[1].data end) end
		for i = 1, 50 do local ok, data = all[i]:join() assert(ok and data == "192.0.2.1") end
		print(fiber.now() - start < 1)  --> true
		local f = fiber.spawn(dns.resolve, "a.test", {server = quiet.addr, timeout = 100})
		fiber.sleep(0.01)
		f:cancel()
		print((f:join()))  --> nil
		local none, err = dns.resolve("a.test", {server = quiet.addr, timeout = 0.05})
		print(err.code)  --> ETIMEDOUT
	`)
}
