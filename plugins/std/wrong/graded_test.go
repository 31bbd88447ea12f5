package wrong

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

// TestGrades: what server.test gives is a list of rows, and prints them.
func TestGrades(t *testing.T) {
	w := plugintest.New(t, std.All()...)
	w.Expect(`local t = server.test("epoll", {row = "half-close", timeout = 15})  --> ok   half-close
print(t)                                                --> model epoll: 1 of 1 rows hold
print(#t, t.model, t.held, t.failed, t.skipped, t[1].name, t[1].holds, t[1].seen, t[1].seconds < 15)  --> 1	epoll	1	0	0	half-close	true	nil	true
print(t[1].what)                                        --> a client that has ended its direction still gets all of its answer
t = server.test("select", {row = "udp echo", quiet = true, timeout = 15})
print(t)                                                --> ok   udp echo
                                                        --> model select: 1 of 1 rows hold`)
}

// TestGradesOfBrokenEngines: each row of an engine that is wrong ends, does not hold, and says why.
func TestGradesOfBrokenEngines(t *testing.T) {
	for name, c := range map[string]struct{ style, run, row, seen string }{
		"a typo": {"event", `while true do sys.poll({{listener, "IN"}}) listener:accept().nothing = 1 end`, "echo",
			`model "mine" has ended: test.lua:2: Conn.nothing cannot be set; event handlers: `},
		"nothing at once": {"event", ``, "crowd", `event handlers: start: model "mine": run returned (run at test.lua:1)`},
		"throws at once":  {"linear", `error("boom")`, "reset", `event handlers: start: model "mine": test.lua:2: boom`},
		"never answers": {"linear", `for conn in function() return listener:accept() end do end`, "echo",
			`event handlers: 0 of 1 bytes came, then: `},
		"never accepts": {"event", `listener:fileno() fiber.sleep(1000)`, "stop", `run did not return when the server stopped`},
		"spins":         {"event", `listener:fileno() while true do end`, "readable", `run computed for a second without waiting`},
		"one at a time": {"linear", `for conn in function() return listener:accept() end do handler(conn) end`, "crowd",
			`event handlers: the clients failed: `},
	} {
		t.Run(name, func(t *testing.T) {
			w := plugintest.New(t, std.All()...)
			limit := "TIMEOUT = 2 "
			if name == "spins" {
				limit = "TIMEOUT = 12 " // it is ended after a second of processor time, which a busy machine does not have soon
			}
			out, err := w.Run(limit + `server.define("mine", {style = "` + c.style + `", run = function(listener, handler)
` + c.run + `
end})
local t = server.test("mine", {row = "` + c.row + `", quiet = true, timeout = TIMEOUT})
assert(t.held == 0 and t.failed == 1 and t[1].holds == false, "it holds")
assert(t[1].seen:find([[` + c.seen + `]], 1, true), t[1].seen)
assert(t[1].seconds < 18, t[1].seconds)
print(t)`)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
