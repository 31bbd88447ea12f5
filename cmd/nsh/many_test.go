package main

import (
	"os"
	"strings"
	"testing"
)

// twenty makes twenty laboratories that are all there at once, echoes through each, and says how many did.
const twenty = `
local many, echoed = {}, 0
for i = 1, 20 do
	local l, a, r, b = assert(lab.line("a", "r", "b"))
	local s = assert(server.start{model = "epoll", handler = "echo", on = b})
	many[i] = {a = a, s = s}
end
local all = {}
for i, one in ipairs(many) do
	all[i] = function()
		local c = assert(client.dial("b:" .. one.s.port, {on = one.a}))
		assert(c:send(i .. "\n"))
		return c:recv("line") == tostring(i)
	end
end
local ok, results = assert(fiber.all(all))
for i = 1, 20 do
	check(results[i] == true, "the echo of laboratory " .. i)
	echoed = echoed + 1
end
print("echoed: " .. echoed)
`

// TestManyLaboratories has two shells with twenty laboratories each, side by side: none sees another, and nothing is
// left of them.
func TestManyLaboratories(t *testing.T) {
	needsLaboratories(t)
	if yard(t) {
		return
	}
	watchMachine(t)
	both := []*job{launch(t, wayNamed("file"), os.Geteuid(), twenty), launch(t, wayNamed("--host"), os.Geteuid(), twenty)}
	for _, s := range both {
		if code := s.ends(); code != 0 || s.out.sees(patience, "echoed: 20") < 0 {
			t.Errorf("%s: exit code %d: %q", s.what, code, s.out.all())
		}
	}
	for _, s := range both {
		t.Log("clear after ", s.goneWithin(patience))
	}
}

// TestLargestLaboratory is one of 64 hosts and 256 links, made and used by a private file, and no larger.
func TestLargestLaboratory(t *testing.T) {
	needsLaboratories(t)
	if yard(t) {
		return
	}
	const text = `
local l = assert(lab.new())
local hosts = {}
for i = 1, 64 do hosts[i] = i <= 62 and l:host("h" .. i) or l:switch("s" .. i) end
for i = 1, 62 do l:link(hosts[i], hosts[i % 2 + 63]) end
for i = 63, 256 do l:link(hosts[i % 62 + 1], hosts[(i + 1 + math.floor(i / 62)) % 62 + 1]) end
print("more hosts: " .. select(2, pcall(l.host, l, "h65")))
print("more links: " .. select(2, pcall(l.link, l, hosts[1], hosts[2])))
local answers = 0
for i = 3, 62 do
	local s = assert(server.start{model = "epoll", handler = "echo", on = hosts[i], addr = hosts[i].addrs[1] .. ":7"})
	local c = assert(client.dial(hosts[i].addrs[1] .. ":7", {on = hosts[(i - 1) % 2 + 1]}))
	c:send(i .. "\n")
	if c:recv("line") == tostring(i) then answers = answers + 1 end
end
print("answers: " .. answers .. ", links: " .. #l.links)
`
	s := launch(t, wayNamed("file"), users()[len(users())-1], text)
	code, out := s.ends(), ""
	s.out.sees(patience, "links: 256")
	out = s.out.all()
	for _, want := range []string{"more hosts: ", "64", "more links: ", "256", "answers: 60, links: 256"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, without %q: %s", code, want, out)
		}
	}
	t.Log("clear after ", s.goneWithin(patience))
}
