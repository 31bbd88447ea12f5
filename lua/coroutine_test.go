package lua

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestCoroutineSemantics(t *testing.T) {
	for name, c := range map[string][2]string{
		"values": {`local co = coroutine.create(function(a, b) local c, d = coroutine.yield(a + b) return c * d, nil, 9 end)
print(coroutine.resume(co, 1, 2)) print(coroutine.resume(co, 3, 4)) print(coroutine.resume(co))`, "true\t3\ntrue\t12\tnil\t9\nfalse\tcannot resume dead coroutine"},
		"status": {`local a, b
a = coroutine.create(function() print(coroutine.status(a)) coroutine.resume(b) coroutine.yield() end)
b = coroutine.create(function() print(coroutine.status(a), coroutine.status(b)) end)
print(coroutine.status(a)) coroutine.resume(a) print(coroutine.status(a), coroutine.status(b)) coroutine.resume(a) print(coroutine.status(a))`,
			"suspended\nrunning\nnormal\trunning\nsuspended\tdead\ndead"},
		"running": {`print(coroutine.running()) local co co = coroutine.create(function() print(coroutine.running() == co, type(co), coroutine.isyieldable()) end)
coroutine.resume(co) print(coroutine.isyieldable())`, "nil\ntrue\tthread\ttrue\nfalse"},
		"resume itself":   {`local co co = coroutine.create(function() print(coroutine.resume(co)) end) coroutine.resume(co)`, "false\tcannot resume running coroutine"},
		"resume a normal": {`local a a = coroutine.wrap(function() print(pcall(coroutine.wrap(function() a() end))) end) a()`, "false\tcannot resume normal coroutine"},
		"error object":    {`local e = {} local co = coroutine.create(function() error(e) end) local ok, v = coroutine.resume(co) print(ok, v == e, coroutine.status(co))`, "false\ttrue\tdead"},
		"error":           {`local co = coroutine.create(function() error("x") end) print(coroutine.resume(co))`, "false\ttest.lua:1: x"},
		"wrap error":      {`local f = coroutine.wrap(function() error("x") end) print(pcall(f)) print(pcall(f))`, "false\ttest.lua:1: x\nfalse\tcannot resume dead coroutine"},
		"wrap object":     {`print(pcall(coroutine.wrap(function() error({}) end)))`, "false\t{}"},
		"yield outside":   {`print(pcall(coroutine.yield))`, "false\tattempt to yield from outside a coroutine"},
		"a Go function":   {`print(coroutine.resume(coroutine.create(string.rep), "x", 3)) print(coroutine.resume(coroutine.create(t.block), 5))`, "true\txxx\ntrue\t5"},
		"close":           {`local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) print(coroutine.close(co), coroutine.status(co), coroutine.resume(co))`, "true\tdead\tfalse\tcannot resume dead coroutine"},
		"close unstarted": {`local co = coroutine.create(print) print(coroutine.close(co), coroutine.status(co))`, "true\tdead"},
		"close running":   {`local co co = coroutine.create(function() print(pcall(coroutine.close, co)) end) coroutine.resume(co)`, "false\tcoroutine.close: cannot close a running coroutine"},
		"bad argument":    {`print(pcall(coroutine.resume, 5)) print(pcall(coroutine.create, 5))`, "false\tcoroutine.resume: argument 1: coroutine expected, got number\nfalse\tcoroutine.create: argument 1: function expected, got number"},
		"too deep":        {`local function nest(n) return coroutine.wrap(function() return nest(n + 1) end)() end print(pcall(nest, 1))`, "false\tstack overflow: coroutines nested too deep"},
		"deep enough":     {`local function nest(n) if n == 0 then return "bottom" end return coroutine.wrap(function() return nest(n - 1) end)() end print(nest(150))`, "bottom"},
		"many switches":   {`local co = coroutine.wrap(function() local n = 0 while true do n = n + coroutine.yield(n) end end) co() local v for i = 1, 20000 do v = co(i) end print(v)`, "200010000"},
		"two fibers": {`local co = coroutine.create(function() return t.block("first") end)
local a = fiber.spawn(function() return coroutine.resume(co) end) fiber.yield()
print(coroutine.status(co), coroutine.resume(co)) print(a:join())`, "running\tfalse\tcannot resume running coroutine\ntrue\ttrue\tfirst"},
		"handed on": {`local co = coroutine.wrap(function() for i = 1, 4 do fiber.sleep(0.001) coroutine.yield(i, fiber.current()) end end)
for i = 1, 4 do local f f = fiber.spawn(function() local v, who = co() return v, who == f end) print(f:join()) end`, "true\t1\ttrue\ntrue\t2\ttrue\ntrue\t3\ttrue\ntrue\t4\ttrue"},
		"permutations": {`local function perm(a, n) if n == 1 then coroutine.yield(a) else for i = 1, n do a[i], a[n] = a[n], a[i] perm(a, n - 1) a[i], a[n] = a[n], a[i] end end end
local n, last = 0 for p in coroutine.wrap(function() perm({1, 2, 3, 4}, 4) end) do n = n + 1 last = table.concat(p) end print(n, last)`, "24\t1234"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c[0], c[1]) })
	}
}

// later are bodies that yield somewhere and are resumed by another run, when the context of the first one is long over.
// Each ends with "end", by way of an error that it catches itself.
var later = map[string]string{
	"statement":      `coroutine.yield() pcall(error, "x") return "end"`,
	"pcall":          `pcall(function() coroutine.yield() error("x") end) return "end"`,
	"xpcall":         `xpcall(function() coroutine.yield() error("x") end, function() fiber.sleep(0.001) end) return "end"`,
	"xpcall handler": `xpcall(error, function() coroutine.yield() fiber.sleep(0.001) end) return "end"`,
	"gsub":           `return (("x"):gsub(".", function() coroutine.yield() return "end" end))`,
	"big gsub":       `return #("x"):rep(2e5):gsub("(x)", function() if not Y then Y = true coroutine.yield() end end) == 2e5 and "end"`,
	"Go function":    `pcall(t.call, function() coroutine.yield() fiber.sleep(0.001) error("x") end) return "end"`,
	"Go function ok": `return t.call(function() coroutine.yield() fiber.sleep(0.001) return "end" end)`,
	"inner":          `return coroutine.wrap(function() coroutine.yield() pcall(error) return "end" end)() or (coroutine.yield()) or "end"`,
	"metamethod":     `return setmetatable({}, {__index = function() coroutine.yield() pcall(error) return "end" end}).x`,
	"sort":           `table.sort({3, 1, 2}, function(a, b) coroutine.yield() pcall(error) return a < b end) return "end"`,
	"with":           `return with({close = function() fiber.sleep(0.001) end}, function() coroutine.yield() return "end" end)`,
}

func TestResumedInALaterRun(t *testing.T) {
	for name, body := range later {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t)
			if _, err := run(w, `co = coroutine.create(function() `+body+` end) assert(coroutine.resume(co))`); err != nil {
				t.Fatal(err)
			}
			v, err := run(w, `local ok, v repeat ok, v = coroutine.resume(co) until coroutine.status(co) == "dead" return v`)
			if err != nil || len(v) != 1 || v[0].String() != "end" {
				t.Error(v, err)
			}
		})
	}
}

// Ctrl-C in the run that resumes a coroutine ends what that does, wherever it was made.
func TestCancelInALaterRun(t *testing.T) {
	for _, body := range []string{`while true do end`, `t.forever()`, `fiber.sleep(60)`, `pcall(function() while true do end end)`,
		`t.call(function() while true do end end)`, `fiber.channel():recv()`} {
		w, _ := newWorld(t)
		timely(t, body, 300*time.Millisecond, func() error {
			if _, err := run(w, `co = coroutine.create(function() pcall(function() coroutine.yield() `+body+` end) after = true end) coroutine.resume(co)`); err != nil {
				t.Fatal(err)
			}
			_, err := runWithin(w, `coroutine.resume(co)`, 30*time.Millisecond)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", body, err)
			}
			return err
		})
		if v, err := run(w, `return after, coroutine.status(co)`); err != nil || !v[0].IsNil() || v[1].String() != "dead" {
			t.Errorf("%s: afterwards %v %v", body, v, err)
		}
	}
}
