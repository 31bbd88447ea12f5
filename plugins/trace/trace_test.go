package trace_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

func TestMain(m *testing.M) { plugintest.Main(m, std.All()...) }

func world(t testing.TB) *plugintest.World {
	t.Helper()
	plugintest.NeedsLaboratories(t)
	return plugintest.New(t, std.All()...)
}

const line = `local l, a, r1, r2, b = assert(lab.line("a", "r1", "r2", "b"))
`

// scripts print what stands behind --> in them.
var scripts = map[string]string{
	"every router, then the host": line + `
		local path = assert(trace.route("b", {on = a}))
		for _, hop in ipairs(path) do print(hop.ttl, hop.addr, hop.seconds < 10, hop.code) end
		--> 1	10.0.1.1	true	nil
		--> 2	10.0.2.2	true	nil
		--> 3	10.0.3.2	true	nil
		print(path.reached, path.to)  --> true	10.0.3.2
		print(#assert(trace.route(a.addrs[1], {on = a})))  --> 1`,
	"the way ends early": line + `
		local path = assert(trace.route("b", {on = a, max = 2}))
		print(#path, path.reached)  --> 2	false
		local none = assert(trace.route("10.9.9.9", {on = a}))
		print(#none, none[1].addr, none[1].code, none.reached)  --> 1	10.0.1.1	ENETUNREACH	false`,
	"a host that is not there": line + `
		local gone = "10.0.3.77"  -- b's network, where nobody has it: the last router asks by ARP, and gives up
		local path = assert(trace.route(gone, {on = a, timeout = 5}))
		print(path[#path].addr, path[#path].code, path.reached)  --> 10.0.2.2	EHOSTUNREACH	false`,
	"nobody says anything": `
		local l = assert(lab.new())
		local a, b = l:host("a"), l:host("b")
		l:link(a, b, {loss = 1})
		local silent = assert(trace.route("b", {on = a, max = 2, tries = 1, timeout = 0.2}))
		print(#silent, silent[1].addr, silent[1].seconds, silent.reached)  --> 2	nil	nil	false`,
	"no route": `
		local l = assert(lab.new())
		local a = l:host("a")
		print(trace.route("10.0.0.1", {on = a}))  --> nil	route 10.0.0.1: connect: network is unreachable
		print(select(2, trace.ping("10.0.0.1", {on = a})).code)  --> ENETUNREACH
		print(select(2, trace.ping("nobody", {on = a})).code)  --> NXDOMAIN`,
	"echoes": line + `
		local echoes, all = assert(trace.ping("b", {on = a, n = 3, interval = 0.01}))
		for _, e in ipairs(echoes) do print(e.seq, e.addr, e.ttl, e.seconds < 10, e.code) end
		--> 1	10.0.3.2	62	true	nil
		--> 2	10.0.3.2	62	true	nil
		--> 3	10.0.3.2	62	true	nil
		print(all.sent, all.received, all.loss, all.min <= all.avg and all.avg <= all.max)  --> 3	3	0	true
		echoes, all = assert(trace.ping("b", {on = a, n = 2, ttl = 2, interval = 0.01}))
		print(echoes[1].addr, echoes[1].code, echoes[1].seconds, all.received, all.loss, all.min)
		--> 10.0.2.2	TIME_EXCEEDED	nil	0	1	nil
		print(assert(trace.ping("b", {on = a, n = 1, size = 8000})) [1].ttl)  --> 62
		print(assert(trace.ping("b", {on = a, n = 1, size = 0})) [1].ttl)  --> 62`,
	"more than sequence numbers": `
		local echoes, all = assert(trace.ping("127.0.0.1", {n = 70000, interval = 0, on = lab.new():host("a")}))
		print(all.sent, all.received, #echoes, echoes[70000].seq)  --> 70000	70000	70000	70000`,
	"IPv6": `
		local l = assert(lab.new())
		local a, r, b = l:host("a"), l:router("r"), l:host("b")
		l:link(a, r, {addrs = {"fd00:1::1/64", "fd00:1::2/64"}}) l:link(r, b, {addrs = {"fd00:2::1/64", "fd00:2::2/64"}})
		local path = assert(trace.route("fd00:2::2", {on = a}))
		print(#path, path[1].addr, path[2].addr, path.reached)  --> 2	fd00:1::2	fd00:2::2	true
		local echoes = assert(trace.ping("fd00:2::2", {on = a, n = 1}))
		print(echoes[1].addr, echoes[1].ttl)  --> fd00:2::2	63
		print(assert(trace.ping("fd00:2::2", {on = a, n = 1, ttl = 1}))[1].code)  --> TIME_EXCEEDED`,
	"loss": `
		local l = assert(lab.new())
		local a, b = l:host("a"), l:host("b")
		local link = l:link(a, b, {delay = 0.05})
		local echoes, all = assert(trace.ping("b", {on = a, n = 2, interval = 0.01}))
		print(all.received, all.min >= 0.1)  --> 2	true
		link:cut()
		echoes, all = assert(trace.ping("b", {on = a, n = 1, timeout = 0.1}))
		print(#echoes, all.received, echoes[1].seconds, echoes[1].code)  --> 1	0	nil	nil`,
	"where, by lab:run": line + `print(l:run(a, function() return #assert(trace.route("b")) end))  --> 3`,
}

func TestScripts(t *testing.T) {
	for name, source := range scripts {
		t.Run(name, func(t *testing.T) { world(t).Expect(source) })
	}
}

func TestMistakes(t *testing.T) {
	w := plugintest.New(t, std.All()...)
	w.Fails(`trace.route("127.0.0.1:80")`, `trace.route: argument 1 (to): a name or address without a port expected, got "127.0.0.1:80"`)
	w.Fails(`trace.route("")`, `trace.route: argument 1 (to): name or address of a host expected`)
	w.Fails(`trace.ping("::1", {n = 0})`, `option 'n': must be from 1`)
	w.Fails(`trace.ping("::1", {count = 1})`, `count`)
	w.Fails(`trace.route("::1", {tries = 0})`, `option 'tries': must be from 1 to 10`)
}

// TestPrinted looks at what a person sees.
func TestPrinted(t *testing.T) {
	w := world(t)
	out, err := w.Run(line + `print(trace.route("10.9.9.9", {on = a})) print(trace.ping("b", {on = a, n = 1}))`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ttl  addr", "10.0.1.1", "ENETUNREACH\n10.9.9.9 was not reached\n", "seq  addr", "10.0.3.2: 1 sent, 1 received, 0 % lost; min/avg/max "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in what is printed:\n%s", want, out)
		}
	}
}

// TestCancelled: a wait ends with what waits.
func TestCancelled(t *testing.T) {
	world(t).Expect(`
		local l = assert(lab.new())
		local a, b = l:host("a"), l:host("b")
		l:link(a, b):cut()
		print(fiber.timeout(0.1, function() return trace.ping("b", {on = a, timeout = 60}) end))  --> nil	fiber.timeout not done within 100ms
		print(select(2, fiber.timeout(0.1, function() return trace.route("b", {on = a, timeout = 60}) end)).code)  --> ETIMEDOUT`)
}

// TestBesideOthers: ping(8) and traceroute(8) count the same routers.
func TestBesideOthers(t *testing.T) {
	w := world(t)
	for program, script := range map[string]string{
		"ping": line + `local out = l:exec(a, "ping", "-c", "1", "-W", "5", b.addrs[1]).out
			assert(tonumber(out:match("ttl=(%d+)")) == assert(trace.ping("b", {n = 1, on = a}))[1].ttl, out)`,
		"traceroute": line + `local out = l:exec(a, "traceroute", "-n", "-N", "1", "-q", "1", b.addrs[1]).out
			for ttl, hop in ipairs(assert(trace.route("b", {on = a}))) do
				assert(out:match("\n%s*" .. ttl .. "%s+([%d.]+)") == hop.addr, out)
			end`,
	} {
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("%s is not installed", program)
			continue
		}
		if out, err := w.Run(script); err != nil || out != "" {
			t.Errorf("%s: %s, %v", program, out, err)
		}
	}
}
