package std

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// isolatedModels have threads that can run handlers in isolates; those with workers have two.
var isolatedModels = []string{"thread", "threadpool", "epoll"}

// isolatedServer is start(options), a server with isolates.
var isolatedServer = conformance + `
local function start(o)
  o.model, o.isolate = MODEL, true
  if MODEL ~= "thread" then o.workers = o.workers or 2 end
  return assert(server.start(o))
end
`

// eachIsolated runs Lua on every one of them, and gives what was printed to see.
func eachIsolated(t *testing.T, source string, see func(t *testing.T, w *plugintest.World, out string)) {
	for _, m := range isolatedModels {
		t.Run(m, func(t *testing.T) {
			w := plugintest.New(t, All()...)
			out, err := w.Run(fmt.Sprintf("local MODEL = %q %s\n%s", m, strings.ReplaceAll(isolatedServer, "\n", " "), source))
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if see != nil {
				see(t, w, out)
			}
		})
	}
}

// Whose memory: a thread gets copies at the accept, a worker those of the start; what two handlers share they share in
// the copy, too; nothing comes back.
func TestIsolatedThreads(t *testing.T) {
	const source = `
local n, seen = 0, {}
local function count(x) n = n + x return n end
total = 100
local s = start{
  on_open = function(conn) count(1) seen[#seen + 1] = n end,
  on_data = function(conn, data) total = total + 1 return table.concat({count(10), #seen, total}, " ") .. "\n" end}
n = 1000
local function visit()
  local c = assert(client.dial(s.addr))
  c:send("x")
  return c, c:recv("line", {timeout = 10})
end
`
	printed(t, "thread", isolatedServer+source+`
for i = 1, 3 do
  local c, line = visit() print(line) c:close()
  if i == 2 then n = 2000 end
end
print(n, #seen, total)`, "1011 1 101\n1011 1 101\n2011 1 101\n2000\t0\t100")
	// Two threads have one connection each, and the next visits find what was there before.
	printed(t, "threadpool", isolatedServer+source+`
local a, one = visit()
local b, two = visit()
print(one, two) a:close() b:close()
eventually("both have gone", function() return s:stats().closed == 2 end)
a, one = visit()
b, two = visit()
print(one, two)
print(n, #seen, total)`, "11 1 101\t11 1 101\n22 2 102\t22 2 102\n1000\t0\t100")
	// Which of its workers takes a connection is the kernel's affair.
	printed(t, "epoll", isolatedServer+source+`
local per = {0, 0}
for i = 1, 20 do
  local c, line = visit()
  local by = s:stats().by_worker
  local who = by[1] > per[1] and 1 or 2
  per[who] = per[who] + 1
  assert(line == ("%d %d %d"):format(11 * per[who], per[who], 100 + per[who]), line)
  c:close()
end
print(n, #seen, total, per[1] + per[2])`, "1000\t0\t100\t20")
}

// Two handlers that compute are inside at the same moment, and so is the script: each spins, without ever giving its
// baton away, until it has got what the script sends when it has heard from both.
func TestIsolatesComputeTogether(t *testing.T) {
	const handler = `
on_open = function(conn) me = me or tostring({}) return me .. "\n" end,
on_readable = function(conn)
  if not conn:recv(1) then conn:close() return end
  conn:send("i")
  local tries = 0
  repeat
    local data, err = conn:recv(1)
    tries = tries + 1
    if tries == MOST then conn:send("!") conn:close() return end
  until data or err.code ~= "EAGAIN"
  conn:send("o")
  conn:close()
end`
	const meet = `
local function dial()
  local c = assert(client.dial(s.addr))
  return c, c:recv("line", {timeout = 10})
end
local a, first = dial()
local b, second = dial()
while ISOLATED and second == first do b:close() b, second = dial() end -- the kernel has chosen the same worker
a:send("a") b:send("a")
local x, y = a:recv(1, {timeout = 15}), b:recv(1, {timeout = 15})
a:send("b") b:send("b")
print(x, y, a:recv(1, {timeout = 15}), b:recv(1, {timeout = 15}))`
	eachIsolated(t, "ISOLATED, MOST = true, 0 local s = start{"+handler+"}"+meet, func(t *testing.T, _ *plugintest.World, out string) {
		if strings.TrimSpace(out) != "i\ti\to\to" {
			t.Errorf("printed %q", out)
		}
	})
	// In one world nobody hears of it before the first has given up.
	printed(t, "thread", "MOST = 20000 local s = assert(server.start{model = MODEL, "+handler+"})"+meet, "i\ti\t!\t!")
}

// What isolates print comes out whole, laid out as in the script; failed checks count; errors have the script's line, are
// counted, and printed once.
func TestIsolatesSay(t *testing.T) {
	eachIsolated(t, `
local s = start{workers = MODEL ~= "thread" and 8 or nil, on_data = function(conn, data)
  if data == "print" then
    for i = 1, 50 do print({data, i}, ("x"):rep(300)) end
    fiber.spawn(function() fiber.sleep(0.01) print("from a fiber") end):join()
    io.write("written\n") io.stderr:write("to stderr\n")
  elseif data == "check" then check(false, "a check")
  elseif data == "fail" then local x = nil return x.field end
  return "done\n"
end}
local cs = {}
for i = 1, 8 do cs[i] = assert(client.dial(s.addr)) end
for what, n in pairs{print = 8, check = 1, fail = 3} do
  for i = 1, n do cs[i]:send(what) end
  for i = 1, n do cs[i]:recv("line", {timeout = 10}) end
  for i = 1, n do cs[i]:close() cs[i] = assert(client.dial(s.addr)) end
end
eventually("counted", function() return s:stats().errors == 3 end)
s:stop()`, func(t *testing.T, w *plugintest.World, out string) {
		count := map[string]int{}
		for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if strings.HasPrefix(line, `{"print", `) && strings.HasSuffix(line, "\t"+strings.Repeat("x", 300)) {
				line = "printed"
			}
			count[line]++
		}
		for line, n := range map[string]int{"printed": 400, "from a fiber": 8, "written": 8, "to stderr": 8, "FAIL a check: saw false  (test.lua:8)": 1,
			"handler: test.lua:9: attempt to index a nil value with key 'field'": 1} {
			if count[line] != n {
				t.Errorf("%q was printed %d times, not %d", line, count[line], n)
			}
			delete(count, line)
		}
		if len(count) > 0 {
			t.Errorf("printed besides: %v", count)
		}
		if n := w.Failures(); n != 1 {
			t.Errorf("%d failures are counted", n)
		}
	})
}

// What cannot be copied is refused at the start, and what makes no sense with the reason.
func TestIsolateRefused(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`local c = assert(client.dial(assert(server.start{handler = "echo"}).addr)) server.start{model = "thread", isolate = true, handler = function() return c end}`: "test.lua:1: server.start: option 'handler': isolate = true runs handlers in Lua worlds of their own, with copies of what they reach: upvalue 'c' of handler is a Conn, and cannot be copied into another Lua world",
		`me = fiber.current() server.start{model = "threadpool", isolate = true, on_data = function() return me end}`:                                                  "option 'on_data': isolate = true runs handlers in Lua worlds of their own, with copies of what they reach: global 'me', named in on_data is a Fiber, and cannot be copied",
		`server.start{model = "select", isolate = true, on_data = print}`:                                                                                              "option 'isolate': the model 'select' has no threads that run handlers beside each other; it is an option of thread, threadpool, epoll",
		`server.start{model = "goroutine", isolate = true, on_data = print}`:                                                                                           "option 'isolate': the model 'goroutine' has no threads",
		`server.start{model = "coroutine", isolate = true, on_data = print}`:                                                                                           "option 'isolate': the model 'coroutine' has no threads",
		`server.start{model = "epoll", isolate = true, on_data = print}`:                                                                                               "option 'isolate': the one worker of the model 'epoll' has nobody to be isolated from: give workers = 2 or more",
		`server.start{model = "epoll", isolate = true, workers = 2, proto = "udp", on_data = print}`:                                                                   "option 'isolate': a datagram server",
		`server.start{model = "thread", isolate = true, handler = "echo"}`:                                                                                             "option 'isolate': the native handler 'echo' has no Lua world",
		`server.start{model = "process", isolate = false, on_data = print}`:                                                                                            "option 'isolate': the model 'process' runs handlers in processes of their own, which share no memory",
		`server.start{model = "prefork", isolate = false, on_data = print}`:                                                                                            "option 'isolate': the model 'prefork' runs handlers in processes of their own",
	} {
		w.Fails(source, want)
	}
	if out, err := w.Run(`for _, m in ipairs{"process", "prefork"} do assert(server.start{model = m, isolate = true, on_data = print}):stop() end
assert(server.start{model = "select", isolate = false, on_data = print}):stop()`); err != nil {
		t.Error(err, out)
	}
}

// A stop ends isolates that compute for ever, whatever they compute in.
func TestIsolatesStop(t *testing.T) {
	eachIsolated(t, `
for _, what in ipairs{"loop", "pcall", "coroutine", "fiber", "sleep", "recv"} do
  local s = start{on_data = function(conn, data)
    local function forever() while true do end end
    if what == "loop" then forever()
    elseif what == "pcall" then while true do pcall(forever) end
    elseif what == "coroutine" then coroutine.wrap(forever)()
    elseif what == "fiber" then fiber.spawn(forever):join()
    else fiber.sleep(1000) end
  end}
  local cs = {}
  for i = 1, 2 do cs[i] = assert(client.dial(s.addr)) cs[i]:send("x") end
  eventually("they are inside", function() return s:stats().bytes_in >= 1 end)
  fiber.sleep(0.02)
  local t = fiber.now()
  s:stop()
  assert(fiber.now() - t < 5, what .. ": " .. fiber.now() - t) -- a tenth of a second, where nobody else computes
  eventually("nothing is left of " .. what, function() return s:stats().active == 0 and s:stats().threads == 0 end)
end`, nil)
}

// A thousand connections leave nothing: each had a world of its own.
func TestIsolatesLeaveNothing(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	w := plugintest.New(t, All()...)
	if _, err := w.Run(conformance + `
local made = {}
s = assert(server.start{model = "thread", isolate = true, handler = function(conn)
  for line in function() return conn:recv("line") end do
    local co = coroutine.wrap(function() while true do coroutine.yield(line) end end)
    made[#made + 1] = {co(), client.dial(conn.local_addr)}
    fiber.spawn(function() fiber.sleep(1000) end)
    conn:send(co() .. "\n")
  end
end})
function visit(n)
  local before = s:stats().closed
  for i = 1, n do
    local c = assert(client.dial(s.addr)) c:send("x\n") assert(c:recv("line", {timeout = 10}) == "x") c:close()
  end
  eventually("they have gone", function() return s:stats().active == 0 and s:stats().threads == 0 end)
end`); err != nil {
		t.Fatal(err)
	}
	visit := func(times int) uint64 {
		for range times {
			if out, err := w.Run("visit(50)"); err != nil {
				t.Fatal(err, out)
			}
		}
		return heap()
	}
	before := visit(1)
	if after := visit(20); after > before+8<<20 { // a world has some 200 KB
		t.Errorf("%d KB before a thousand connections, %d KB after", before>>10, after>>10)
	}
}

// os.exit in a thread ends the process, as exit(3) does in C: here the script.
func TestIsolateExits(t *testing.T) {
	for _, m := range isolatedModels {
		w := plugintest.New(t, All()...)
		out, _ := w.Run(fmt.Sprintf("local MODEL = %q %s", m, isolatedServer+`
local s = start{on_data = function() os.exit(3) end}
local c = assert(client.dial(s.addr)) c:send("x")
fiber.sleep(10)
print("it goes on")`))
		if exit := w.Exited(); exit == nil || exit.Code != 3 || out != "" {
			t.Errorf("%s: %v, printed %q", m, exit, out)
		}
	}
}

// On a host of a laboratory isolates are there, too: unlike a process's, their sockets are made where the script's are.
func TestIsolatesInLaboratory(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	eachIsolated(t, `local l, a, r, b = assert(lab.line("a", "r", "b"))
local greeter = assert(server.start{on = a, handler = "daytime", model = "thread"})
local port = greeter.port
l:run(b, function()
  local s = start{on_data = function(conn) local c = assert(client.dial("a:" .. port)) return #c:recv("line") .. " " .. c.local_addr end}
  local c = assert(client.dial("b:" .. s.port, {on = a}))
  c:send("hello") print(c:recv({timeout = 10}))
end)`, func(t *testing.T, _ *plugintest.World, out string) {
		if !strings.Contains(out, " 10.") {
			t.Error(out)
		}
	})
}
