package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestNeverHalf interrupts the making of a laboratory of twenty at random moments: whoever asks for one of its hosts
// afterwards finds all of what was planned, or hears that it is closed.
func TestNeverHalf(t *testing.T) {
	needsLaboratories(t)
	const text = `
function make()
	n = lab.new()
	local s = n:switch("s")
	for i = 1, 19 do n:link(n:host("h" .. i), s) end
	n.hosts.h1:interfaces()
	fiber.sleep(3600)
end
function whole()
	if not n then return "none" end
	local ok, why = pcall(function()
		local hosts, interfaces = 0, 0
		for _, h in pairs(n.hosts) do
			hosts, interfaces = hosts + 1, interfaces + #h:interfaces()
			if h.kind == "switch" then interfaces = interfaces - 1 end -- the bridge itself
		end
		assert(interfaces == hosts + 2 * #n.links, "half")
		return #n.links == 19
	end)
	if ok and why then -- and not stopped while it was planned
		local s = assert(server.start{handler = "echo", on = n.hosts.h19})
		local c = assert(client.dial(s.addr, {on = n.hosts.h1}))
		c:send("whole\n")
		return c:recv("line")
	end
	if ok then return "whole" end
	return tostring(why)
end
n = nil
print("it is up")
`
	s := launch(t, wayNamed("prompt"), os.Geteuid(), text)
	if s.out.sees(patience, "it is up\r\n") < 0 || s.out.sees(patience, "nsh> ") < 0 {
		t.Fatalf("%s", s.out.all())
	}
	seen := map[int]int{}
	for range rounds() {
		s.out.types("io.write('g', 'o\\n') make()\r")
		if s.out.sees(patience, "go\r\n") < 0 {
			t.Fatalf("it does not begin: %q", s.out.rest())
		}
		after := rand.N(300 * time.Millisecond)
		time.Sleep(after)
		s.out.types("\x03")
		if s.out.sees(patience, "interrupted") < 0 || s.out.sees(patience, "nsh> ") < 0 {
			t.Fatalf("no prompt after %v: %q", after, s.out.rest())
		}
		s.out.types("print('it ' .. 'is ' .. whole()) if n then n:close() n = nil end\r")
		what := s.out.sees(patience, "it is whole", "it is none", "the laboratory is closed")
		if what < 0 || s.out.sees(patience, "nsh> ") < 0 {
			t.Fatalf("interrupted after %v: %q", after, s.out.rest())
		}
		seen[what]++
	}
	t.Logf("whole %d times, not begun %d, closed %d", seen[0], seen[1], seen[2])
	s.out.types("\x04")
	s.ends()
	s.goneWithin(patience)
}
