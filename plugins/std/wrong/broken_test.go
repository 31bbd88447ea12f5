package wrong

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

// broken defines the model "mine" with a run of so many lines, the first of which is line 4.
func broken(style, run, then string) string {
	return `local function eventually(what, f) local t = fiber.now() while fiber.now() - t < 10 do if f() then return end fiber.sleep(0.01) end error("never: " .. what, 2) end
function said(s) local list = {} for why in pairs(s:stats().reasons) do list[#list + 1] = why end return table.concat(list, "; ") end
server.define("mine", {style = "` + style + `", run = function(listener, handler)
` + run + `
end})
function stops(s) local t = fiber.now() s:stop() assert(fiber.now() - t < 1, fiber.now() - t) assert(s:stats().active == 0) return s end
` + then
}

// TestBrokenAtOnce: an engine that ends before it has used its listener is an error of server.start, with the script's line.
func TestBrokenAtOnce(t *testing.T) {
	w := plugintest.New(t, std.All()...)
	const start = `local s, err = server.start{model = "mine", handler = "echo"} assert(s == nil and err.code == "ERROR", tostring(err)) print(err)`
	for run, want := range map[string]string{
		``:                             `model "mine": run returned (run at test.lua:3) though nobody had stopped the server`,
		`error("boom")`:                `model "mine": test.lua:4: boom`,
		`local x = listener.accpet`:    `model "mine": test.lua:4: Listener has no field "accpet", did you mean 'accept'?`,
		`assert(nil, "no such thing")`: `model "mine": test.lua:4: no such thing`,
		`error({code = 7})`:            `model "mine": test.lua:4: error value: code  7`,
	} {
		for _, style := range []string{"linear", "event"} {
			out, err := w.Run("pcall(function() server.define('mine', {style = 'event', run = print, replace = true}) end)\n" +
				strings.Replace(strings.Replace(broken(style, run, start), "style =", "replace = true, style =", 1), "\n", " ", 1))
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%s %q: %v\n%s\nwanted: %s", style, run, err, out, want)
			}
		}
	}
}

// TestBrokenLater: an engine that ends by itself, or does not do what an engine has to, is counted and explained; the
// server has ended, or goes on; a stop takes less than a second. Nothing of it is left then.
func TestBrokenLater(t *testing.T) {
	const serve = `  for conn in function() return listener:accept() end do fiber.spawn(handler, conn) end`
	const ended = `
local s = assert(server.start{model = "mine", handler = "echo"})
CLIENTS
local ok, err = s:wait() assert(ok == nil, tostring(ok)) err = tostring(err)
assert(err:find(WANT, 1, true), err) assert(said(s):find(WANT, 1, true), said(s)) assert(s:stats().errors == 1, said(s))
assert(#s:conns() == 0 and s:stats().queued == 0)
stops(s)`
	const three = `local list = {} for i = 1, 3 do list[i] = assert(client.dial(s.addr)) end for _, c in ipairs(list) do assert(c:recv({timeout = 5}) == nil or true) end`
	for name, c := range map[string]struct{ style, run, then string }{
		"returns": {"event", `listener:accept()`, `WANT = "run returned (run at test.lua:3)"` + strings.Replace(ended, "CLIENTS", "", 1)},
		"throws at the third": {"event", `local n = 0
while true do sys.select({listener}) if listener:accept() then n = n + 1 if n == 3 then error("boom") end else return end end`,
			`WANT = "test.lua:5: boom"` + strings.Replace(ended, "CLIENTS", three, 1)},
		"throws in a linear one": {"linear", `for i = 1, 3 do fiber.spawn(handler, listener:accept()) end
local nothing = nil; nothing.field = 1`, `WANT = "test.lua:5: attempt to index a nil value"` + strings.Replace(ended, "CLIENTS", three, 1)},
		"misuse of a handler": {"event", `handler.on_data(client.dial(listener:fileno() and "127.0.0.1:" .. PORT), "x")`,
			`local o = assert(server.start{handler = "discard", model = "epoll"}) PORT = o.port WANT = "test.lua:4: handler.on_data: argument 1 (conn): is no connection of this server's"` + strings.Replace(ended, "CLIENTS", "", 1) + " o:stop()"},
		"unknown event": {"event", `listener:fileno() handler.on_dta()`, `WANT = "did you mean 'on_data'?"` + strings.Replace(ended, "CLIENTS", "", 1)},
		"twice": {"linear", `local c = listener:accept() fiber.spawn(handler, c) fiber.yield() fiber.sleep(0.05) handler(c)`,
			`WANT = "test.lua:4: handler: argument 1 (conn): a handler is at work on it already"` + strings.Replace(ended, "CLIENTS", "local c = assert(client.dial(s.addr))", 1)},
		"spins": {"event", `listener:fileno()
  while true do end`, `WANT = "test.lua:5: run computed for a second without waiting for anything"` + strings.Replace(ended, "CLIENTS", "", 1)},
		"spins under pcall": {"linear", `listener:fileno()
  while true do pcall(function() while true do end end) end`, `WANT = "run computed for a second"` + strings.Replace(ended, "CLIENTS", "", 1)},
		"spins in a fiber": {"linear", `listener:fileno()
  fiber.spawn(function() while true do end end)
` + serve, `WANT = "run computed for a second"` + strings.Replace(ended, "CLIENTS", "", 1)},
		"accepts nobody": {"linear", `fiber.sleep(1000)`, `
local s = assert(server.start{model = "mine", handler = "echo"})
local c = assert(client.dial(s.addr))
eventually("it is said", function() return said(s):find("run accepts nobody: connections wait in the queue (1)", 1, true) end)
stops(s) assert(said(s):find("run did not return when the server stopped, and was ended (it was at test.lua:4)", 1, true), said(s)) assert(s:stats().errors == 2)`},
		"does not return": {"event", `while true do listener:accept() fiber.sleep(0.01) end`, `
local s = assert(server.start{model = "mine", handler = "echo"})
stops(s) assert(said(s):find("run did not return when the server stopped, and was ended (it was at test.lua:4)", 1, true), said(s)) assert(s:stats().errors == 1)`},
		"does not return and spins": {"linear", serve + ` while true do end`, `
local s = assert(server.start{model = "mine", handler = "echo"})
stops(s) assert(said(s):find("run did not return when the server stopped", 1, true), said(s)) assert(s:stats().errors == 1)`},
		"asks without waiting": {"event", `local conns = {}
while true do
  local c, err = listener:accept()
  if c then conns[c] = true elseif not err then return end
  for c in pairs(conns) do
    local data = c:recv() if data then handler.on_data(c, data) end
    c:flush()
    if not c:wants() then handler.on_close(c) conns[c] = nil end
  end
end`, `
local s = assert(server.start{model = "mine", handler = "echo"})
local c = assert(client.dial(s.addr)) c:send("hello") assert(c:recv(5, {timeout = 5}) == "hello")
eventually("it is said", function() return said(s):find("run asks without waiting", 1, true) end)
c:send("again") assert(c:recv(5, {timeout = 5}) == "again") c:close()
eventually("closed", function() return s:stats().closed == 1 end)
stops(s) assert(s:stats().errors == 1, said(s))`},
		"leaves everything": {"linear", `sys.pipe() sys.epoll() sys.socket(sys.AF_INET, sys.SOCK_STREAM)
  for i = 1, 5 do fiber.spawn(fiber.sleep, 1000) end
  listener:on_wait(function() coroutine.yield() end)
  local stuck = {}
  for i = 1, 3 do
    sys.poll({{listener, "IN"}})
    stuck[i] = coroutine.create(function() handler(listener:accept()) end) coroutine.resume(stuck[i])
  end
  sys.poll({{listener, "IN"}})`, `
local s = assert(server.start{model = "mine", handler = function(conn) conn:recv() end})
for i = 1, 3 do client.dial(s.addr) end
eventually("three are served", function() return s:stats().active == 3 end)
fiber.sleep(0.1)
stops(s)
assert(s:stats().closed == 3 and s:stats().errors == 0, said(s))`},
		"handlers that fail": {"linear", serve, `
local s = assert(server.start{model = "mine", handler = function(conn) error("of the handler") end})
for i = 1, 20 do local c = assert(client.dial(s.addr)) c:recv({timeout = 5}) c:close() end
eventually("all are counted", function() return s:stats().errors == 20 and s:stats().closed == 20 end)
assert(said(s):find("of the handler"), said(s)) stops(s) assert(s:stats().errors == 20)`},
		"forgets what it closes": {"event", `local conns = {}
while true do
  local r = {listener} for c in pairs(conns) do r[#r + 1] = c end
  for _, c in ipairs(sys.select(r)) do
    if c == listener then
      local new, err = listener:accept() if new then conns[new] = true elseif not err then return end
    else
      local data = c:recv()
      if data then handler.on_data(c, data) else c:close() conns[c] = nil end
    end
  end
end`, `
local s = assert(server.start{model = "mine", handler = "echo"})
for i = 1, 5 do
  local c = assert(client.dial(s.addr)) c:send("x") assert(c:recv(1, {timeout = 5}) == "x") c:shutdown() assert(c:recv({timeout = 5}) == nil) c:close()
end
eventually("as C does, they are closed", function() return s:stats().closed == 5 end)
assert(s:stats().errors == 0, said(s)) stops(s)`},
	} {
		t.Run(name, func(t *testing.T) {
			w := plugintest.New(t, std.All()...)
			if _, err := w.Run(`local r, w = sys.pipe() sys.poll({{r, "IN"}}, 0.001) r:close() w:close()`); err != nil {
				t.Fatal(err) // what stays from the first wait on is there
			}
			goroutines, open := runtime.NumGoroutine(), len(openFiles(t))
			out, err := w.Run("do " + broken(c.style, c.run, c.then) + "\nend")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				n, files := runtime.NumGoroutine(), openFiles(t)
				if n <= goroutines && len(files) <= open+leftClients(c.then) {
					return
				}
				if time.Now().After(until) {
					t.Fatalf("after the stop there are %d goroutines (before: %d) and %d descriptors (before: %d): %v", n, goroutines, len(files), open, files)
				}
				runtime.GC() // of a client that nobody holds any more
			}
		})
	}
}

// leftClients is how many descriptors a script has open itself when the server has stopped: those of its clients.
func leftClients(then string) int {
	if strings.Contains(then, "client.dial") {
		return 3
	}
	return 0
}

func openFiles(t *testing.T) (files []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files = append(files, to)
		}
	}
	return files
}
