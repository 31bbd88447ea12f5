package std

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// links runs Lua with a laboratory of two hosts, and a way to measure a round trip between them.
func links(t *testing.T, source string) *plugintest.World {
	t.Helper()
	plugintest.NeedsLaboratories(t)
	w := plugintest.New(t, All()...)
	if out, err := w.Run(`
l = assert(lab.new{seed = 5})
a, b = l:host("a"), l:host("b")
-- the least of several round trips, for the machine may be busy; each takes longer than low, and one less than high
function takes(low, high, what)
  local least = math.huge
  local c = assert(client.dial(assert(server.start{model = "thread", handler = "echo", on = b}).addr, {on = a}))
  for i = 1, 40 do
    local sent = fiber.now()
    assert(c:send("x")) assert(c:recv(1))
    least = math.min(least, fiber.now() - sent)
    assert(least >= low, what .. ": " .. least)
    if least < high then return end
  end
  error(what .. ": " .. least, 2)
end
` + source); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return w
}

func TestLinkDelay(t *testing.T) {
	links(t, `
local link = l:link(a, b)
takes(0, 0.03, "plain")
link:set{delay = 0.05}
takes(0.1, 0.14, "50 ms each way")
link:set{delay = 0, from = b}
takes(0.05, 0.09, "50 ms one way")
link:set{delay = 0}
takes(0, 0.03, "plain again")
link:set{delay = 0.01}
local six = assert(server.start{model = "thread", handler = "echo", on = b, addr = "[" .. b.addrs[2] .. "]:0"})
local c = assert(client.dial(six.addr, {on = a}))
c:send("over IPv6\n")
assert(c:recv("line") == "over IPv6")
`)
}

// TestLinkToSwitch: a link to a switch becomes slow, is cut and mended under a connection that does not notice more
// than that.
func TestLinkToSwitch(t *testing.T) {
	links(t, `
local s = l:switch("s")
local one, two = l:link(a, s), l:link(s, b, {delay = 0.03})
takes(0.06, 0.09, "30 ms to the switch")
local server = assert(server.start{model = "thread", handler = "echo", on = b})
local c = assert(client.dial(server.addr, {on = a}))
local function echo() assert(c:send("x")) return c:recv(1, {timeout = 5}) end
local mac = s:interfaces()[1].mac
one:set{delay = 0.02}
takes(0.1, 0.14, "20 ms more")
two:set{delay = 0}
takes(0.04, 0.055, "20 ms only")
assert(echo() == "x")
one:cut()
assert(c:send("y"))
assert(select(2, c:recv(1, {timeout = 0.1})).code == "ETIMEDOUT")
one:mend()
assert(c:recv(1, {timeout = 5}) == "y")
two:cut() one:set{delay = 0} two:mend()
assert(echo() == "x")
takes(0, 0.03, "plain")
assert(s:interfaces()[1].mac == mac)
`)
}

func TestLinkRate(t *testing.T) {
	links(t, `
local link = l:link(a, b, {rate = 1e6})
local c = assert(client.dial(assert(server.start{model = "thread", handler = "discard", on = b}).addr, {on = a}))
local sent, before = fiber.now(), link:stats().a.bytes
c:send(("x"):rep(200000))
c:shutdown("write")
assert(c:recv() == nil)
local seconds = fiber.now() - sent
local rate = (link:stats().a.bytes - before) * 8 / seconds
assert(rate > 0.9e6 and rate < 1.02e6, rate)
`)
}

func TestLinkLoss(t *testing.T) {
	links(t, `
local link = l:link(a, b, {loss = 0.05, duplicate = 0.2})
local c = assert(client.dial(assert(server.start{model = "thread", handler = "echo", on = b}).addr, {on = a}))
local data = {}
for i = 1, 20000 do data[i] = i end
data = table.concat(data, " ")
fiber.spawn(function() c:send(data) end)
assert(c:recv(#data, {timeout = 15}) == data)
local stats = link:stats()
assert(stats.a.lost > 0 and stats.a.duplicated > 0 and stats.b.passed > 0 and stats.a.queue_drops == 0, ("%d %d %d %d"):format(stats.a.lost, stats.a.duplicated, stats.a.queue_drops, stats.b.passed))
`)
}

func TestLinkMisuse(t *testing.T) {
	w := links(t, `link = l:link(a, b, {delay = 0.01})`)
	for source, want := range map[string]string{
		`link:set{loss = 2}`:                   "option 'loss': must be from 0 to 1, got 2",
		`link:set{loss = -0.1}`:                "option 'loss': must be from 0 to 1",
		`link:set{loss = 0/0}`:                 "option 'loss': number expected, got nan",
		`link:set{delay = -1}`:                 "option 'delay': ",
		`link:set{delay = 61}`:                 "option 'delay': must be from 0 to 60, got 61",
		`link:set{delay = "50ms"}`:             "option 'delay': number of seconds expected, got \"50ms\"",
		`link:set{jitter = 0.02}`:              "option 'jitter': 20 ms is more than the delay, 10 ms",
		`link:set{rate = 0}`:                   "option 'rate': must be at least 100, got 0",
		`link:set{rate = 0/0}`:                 "option 'rate': number expected",
		`link:set{queue = 0}`:                  "option 'queue': must be from 1 to 100000, got 0",
		`link:set{delay = 0, reorder = 0.1}`:   "option 'reorder': without a delay there is nothing to overtake",
		`link:set{dely = 1}`:                   "option 'dely' unknown, did you mean 'delay'?",
		`link:set{from = l:host("c")}`:         "option 'from': c is at neither end of a–b",
		`l:link(a, l:host("d"), {loss = 2})`:   "option 'loss': must be from 0 to 1, got 2",
		`l:link(a, l:host("e"), {jitter = 1})`: "option 'jitter': 1 s is more than the delay, 0 s",
		`l:link(a, l:host("f"), {rate = 0})`:   "option 'rate': must be at least 100, got 0",
	} {
		w.Fails(source, want)
	}
	w.Fails(`link:set{loss = 2}`, "Link:set")
	w.Expect(`
local l = assert(lab.new())
local link = l:link(l:host("a"), l:host("b"), {delay = 0.01})
print(link)  --> Link a–b 10 ms
link:set{}
link:set{delay = 1.5, jitter = 0.00025, loss = 0.001, duplicate = 0.5, reorder = 1, rate = 2500}
print(link)  --> Link a–b 1.5 s ± 0.25 ms, 2.5 kbit/s, 0.1% lost, 50% twice, 100% overtake
link:cut()
print(l:picture())
--> a     host
--> └─ b  host  10.0.1.2  (10.0.1.1 on a) 1.5 s ± 0.25 ms, 2.5 kbit/s, 0.1% lost, 50% twice, 100% overtake (cut)
print(link.shape.a.delay, link.shape.b.queue)  --> 1.5	1000
`)
	w.Fails("l:close() link:set{loss = 0}", "Link:set: the laboratory is closed")
}
