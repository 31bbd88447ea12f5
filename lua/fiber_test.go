package lua

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Ten fibers sleep until one instant. They wake in the order in which they went to sleep, whichever goroutine of theirs
// the scheduler prefers.
func TestTiesWakeInOrder(t *testing.T) {
	w, _ := newWorld(t)
	for i := 0; i < 50; i++ {
		v, err := run(w, `local order, at = {}, fiber.now() + 0.003
local fibers = {}
for i = 1, 10 do fibers[i] = fiber.spawn(function() t.sleep_until(at); order[#order + 1] = i end) end
for _, f in ipairs(fibers) do assert(f:join()) end
return table.concat(order, " ")`)
		if err != nil || v[0].String() != "1 2 3 4 5 6 7 8 9 10" {
			t.Fatalf("run %d: %v %v", i, v, err)
		}
	}
}

// A sleeper whose time came while somebody computed is before a fiber that is spawned, or yields, only then.
func TestDueBeforeLater(t *testing.T) {
	w, _ := newWorld(t)
	for i := 0; i < 20; i++ {
		v, err := run(w, `local order = {}
local a = fiber.spawn(function() fiber.sleep(0.001); order[#order + 1] = "slept" end)
fiber.yield()
local till = fiber.now() + 0.002
while fiber.now() < till do end
local b = fiber.spawn(function() order[#order + 1] = "spawned" end)
fiber.yield()
order[#order + 1] = "yielded"
a:join() b:join()
return table.concat(order, " ")`)
		if err != nil || v[0].String() != "slept spawned yielded" {
			t.Fatalf("run %d: %v %v", i, v, err)
		}
	}
}

func TestFiberSemantics(t *testing.T) {
	for name, c := range map[string][2]string{
		"results":            {`print(fiber.spawn(function(...) return ..., 2, nil end, 1):join())`, "true\t1\t2\tnil"},
		"error":              {`local ok, err = fiber.spawn(function() error("x", 0) end):join() print(ok, err, err.code)`, "nil\tx\tERROR"},
		"error object":       {`local ok, err = fiber.spawn(function() error({n = 1}) end):join() print(ok, err.n)`, "nil\t1"},
		"join twice":         {`local f = fiber.spawn(function() error("x", 0) end) print(f:join()) print(f:join())`, "nil\tx\nnil\tx"},
		"join timeout":       {`local f = fiber.spawn(fiber.sleep, 5) local ok, err = f:join(0.01) print(ok, err.code) f:cancel()`, "nil\tETIMEDOUT"},
		"cancelled":          {`local f = fiber.spawn(fiber.sleep, 5) fiber.yield() f:cancel() local ok, err = f:join() print(ok, err.code)`, "nil\tECANCELED"},
		"cancelled queued":   {`local ran; local f = fiber.spawn(function() ran = true end) f:cancel() local ok, err = f:join() print(ok, err.code, ran)`, "nil\tECANCELED\tnil"},
		"cancelled in Go":    {`local f = fiber.spawn(t.forever) fiber.yield() f:cancel() local ok, err = f:join() print(ok, err.code)`, "nil\tECANCELED"},
		"cancelled in co":    {`local f = fiber.spawn(function() coroutine.wrap(function() fiber.sleep(5) end)() end) fiber.yield() f:cancel() print(select(2, f:join()).code)`, "ECANCELED"},
		"cancel not caught":  {`local after; local f = fiber.spawn(function() pcall(fiber.sleep, 5) after = true end) fiber.yield() f:cancel() f:join() print(after)`, "nil"},
		"cancel itself":      {`local after; local f = fiber.spawn(function() fiber.current():cancel() after = true end) f:join() print(after)`, "nil"},
		"cancel when done":   {`local f = fiber.spawn(function() return 7 end) f:join() f:cancel() print(f:join())`, "true\t7"},
		"join itself":        {`print(pcall(function() fiber.current():join() end))`, "false\ttest.lua:1: Fiber:join: a fiber cannot wait for itself"},
		"join main":          {`local main = fiber.current() local f = fiber.spawn(function() return main:join(0.01) end) print(select(3, f:join()).code)`, "ETIMEDOUT"},
		"current":            {`print(fiber.current() == fiber.current(), fiber.current() ~= select(2, fiber.spawn(fiber.current):join()))`, "true\ttrue"},
		"all":                {`local ok, r = fiber.all{function() fiber.sleep(0.005) return "a", "b" end, fiber.spawn(function() return "c" end), function() end} print(ok, r[1], r[2], r[3])`, "true\ta\tc\tnil"},
		"all, one fails":     {`local late; local ok, err = fiber.all{function() fiber.sleep(5) late = true end, function() error("x", 0) end} print(ok, err, late)`, "nil\tx\tnil"},
		"all of none":        {`print(fiber.all{})`, "true\t{}"},
		"all, twice the one": {`local f = fiber.spawn(function() return 1 end) local _, r = fiber.all{f, f} print(r[1], r[2])`, "1\t1"},
		"any":                {`print(fiber.any{function() fiber.sleep(5) end, function() fiber.sleep(0.005) return "b", 2 end, function() error("x") end})`, "2\tb\t2"},
		"any, all fail":      {`print(fiber.any{function() error("x", 0) end, function() error("y", 0) end})`, "nil\ty"},
		"any joins losers": {`local closed = 0
local function lose() with({close = function() fiber.sleep(0.01) closed = closed + 1 end}, function() fiber.sleep(5) end) end
print(fiber.any{lose, lose, function() fiber.sleep(0.001) return "won" end}, closed)`, "3\t2"},
		"timeout":          {`local ok, err = fiber.timeout(0.01, fiber.sleep, 5) print(ok, err.code)`, "nil\tETIMEDOUT"},
		"timeout, results": {`print(fiber.timeout(5, function(...) return ... end, 1, nil, 3))`, "1\tnil\t3"},
		"timeout, error":   {`print(pcall(fiber.timeout, 5, function() error("x", 0) end))`, "false\tx"},
		"timeout, loop":    {`print(select(2, fiber.timeout(0.01, function() while true do pcall(function() while true do end end) end end)).code)`, "ETIMEDOUT"},
		"timeouts nested":  {`print(fiber.timeout(5, function() local a, b = fiber.timeout(0.01, fiber.sleep, 5) return b.code, "outer goes on" end))`, "ETIMEDOUT\touter goes on"},
		"outer is shorter": {`print(select(2, fiber.timeout(0.01, function() fiber.timeout(5, fiber.sleep, 5) print("no") end)).code)`, "ETIMEDOUT"},
		"timeout ends all": {`local list = {}; local function f() list[#list + 1] = fiber.current() fiber.sleep(60) end
fiber.timeout(0.01, fiber.all, {f, f}) for _, f in ipairs(list) do print(select(2, f:join()).code) end`, "ECANCELED\nECANCELED"},
		"with":         {`print(with({close = function() print("closed") end}, function(x) return type(x), nil, 3 end))`, "closed\ntable\tnil\t3"},
		"with, error":  {`print(pcall(with, {close = function() print("closed") end}, function() error("x", 0) end))`, "closed\nfalse\tx"},
		"with, stop":   {`with({stop = function() print("stopped") end}, function() end)`, "stopped"},
		"with object":  {`with(t.thing("a"), function(x) print(x.name) end)`, "a"},
		"with, cancel": {`local f = fiber.spawn(with, {close = function() fiber.sleep(0.005) print("closed") end}, function() fiber.sleep(5) end) fiber.yield() f:cancel() f:join()`, "closed"},
		"prints":       {`local f = fiber.spawn(fiber.sleep, 5) print((tostring(f):gsub("%d+", "N"))) f:cancel() f:join() print((tostring(f):gsub("%d+", "N")))`, "Fiber N (running)\nFiber N (cancelled)"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c[0], c[1]) })
	}
}

// What fibers were cancelled in one go ends in the order of the cancels, in coroutines, too.
func TestCancelOrder(t *testing.T) {
	w, _ := newWorld(t)
	for i := 0; i < 50; i++ {
		v, err := run(w, `local order, fibers = {}, {}
for i = 1, 8 do
  local function body() with({close = function() order[#order + 1] = i end}, function() fiber.sleep(5) end) end
  fibers[i] = fiber.spawn(i % 2 == 0 and body or coroutine.wrap(body))
end
fiber.yield()
for i = 8, 1, -1 do fibers[i]:cancel() end
for i = 1, 8 do fibers[i]:join() end
return table.concat(order, " ")`)
		if err != nil || v[0].String() != "8 7 6 5 4 3 2 1" {
			t.Fatalf("run %d: %v %v", i, v, err)
		}
	}
}

// The error of a fiber that nobody joins is printed once and counts. To join it later still tells.
func TestUnjoinedErrors(t *testing.T) {
	w, out := newWorld(t)
	if _, err := run(w, `f = fiber.spawn(function() error("lost") end)
g = fiber.spawn(function() error({code = 7}) end)
h = fiber.spawn(function() error("caught") end)
local k = fiber.spawn(function() error("waited for") end)
print(k:join())
fiber.yield()`); err != nil {
		t.Fatal(err)
	}
	if n := w.Failures(); n != 3 {
		t.Errorf("%d failures at once, wanted 3", n)
	}
	if _, err := run(w, `h:join()`); err != nil || w.Failures() != 2 {
		t.Errorf("%v; %d failures after a join, wanted 2", err, w.Failures())
	}
	waitUntil(t, func() string {
		if s := out.String(); !strings.Contains(s, "test.lua:1: lost") || !strings.Contains(s, "code") {
			return "printed: " + s
		}
		return ""
	})
	if _, err := run(w, `print(f:join()) print(select(2, g:join()).code)`); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if n := w.Failures(); n != 2 {
		t.Errorf("%d failures in the end, wanted 2", n)
	}
	s := out.String()
	for what, n := range map[string]int{"fiber 1: test.lua:1: lost\n": 1, "caught": 0, "fiber": 2, "nil\ttest.lua:1: lost\n7\n": 1} {
		if strings.Count(s, what) != n {
			t.Errorf("%q is there %d times, wanted %d: %s", what, strings.Count(s, what), n, s)
		}
	}
}

// A world that ends while an error is still unreported reports it.
func TestUnjoinedAtTheEnd(t *testing.T) {
	w, out := newWorld(t)
	if _, err := run(w, `fiber.spawn(function() error("lost", 0) end) fiber.yield()`); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if s := out.String(); s != "fiber 1: test.lua:1: lost\n" || w.Failures() != 1 || len(w.Root().Open()) != 0 {
		t.Errorf("printed %q, %d failures, open: %v", s, w.Failures(), w.Root().Open())
	}
}

// Fibers belong to the session, not to the line that made them; what a line waits for ends with it.
func TestFibersOutliveTheirRun(t *testing.T) {
	w, _ := newWorld(t)
	if _, err := run(w, `n = 0; f = fiber.spawn(function() for i = 1, 3 do fiber.sleep(0.002) n = n + 1 end return "done" end)`); err != nil {
		t.Fatal(err)
	}
	v, err := run(w, `local _, r = f:join() return r, n`)
	if err != nil || fmt.Sprint(v[0], v[1]) != "done 3" {
		t.Error(v, err)
	}
}

func waitUntil(t *testing.T, missing func() string) {
	t.Helper()
	why := missing()
	for deadline := time.Now().Add(5 * time.Second); why != "" && time.Now().Before(deadline); why = missing() {
		time.Sleep(time.Millisecond)
	}
	if why != "" {
		t.Fatal(why)
	}
}
