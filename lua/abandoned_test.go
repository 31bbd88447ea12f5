package lua

import (
	"runtime"
	"testing"
)

// A loop that abandons half-read generators does not grow: each gives its goroutine back once the collector has seen
// that nobody can resume it.
func TestAbandonedGenerators(t *testing.T) {
	n := 100_000
	if raceEnabled || testing.Short() {
		n = 10_000
	}
	w, _ := newWorld(t)
	goroutines := runtime.NumGoroutine()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; i < 10; i++ {
		if _, err := run(w, `local rounds = ...
for i = 1, rounds do
  local g = coroutine.wrap(function() for j = 1, 3 do pcall(function() coroutine.yield(j) ran = true end) end end)
  g()
end`, n/10); err != nil {
			t.Fatal(err)
		}
		// The clean-ups run on a goroutine of the runtime's own, those they end on theirs.
		waitUntil(t, func() string {
			runtime.GC()
			if g := runtime.NumGoroutine(); g > goroutines+200 {
				return "goroutines are left"
			}
			return ""
		})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if v, err := run(w, `return ran`); err != nil || !v[0].IsNil() {
		t.Errorf("an abandoned coroutine ran on: %v %v", v, err)
	}
}

// A closed coroutine, and one that the world's end finds suspended, runs no further Lua, not even in pcall or with.
func TestKilledRunsNothing(t *testing.T) {
	w, out := newWorld(t)
	if _, err := run(w, `local function body()
  with({close = function() print("closed") end}, function()
    pcall(function() xpcall(coroutine.yield, function() print("handler") end) print("went on") end)
    t.call(function() print("called") end)
  end)
end
a, b = coroutine.create(body), coroutine.create(function() t.call(body) print("Go function returned") end)
coroutine.resume(a) coroutine.resume(b)
coroutine.close(a)
fiber.sleep(0.005)`); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if s := out.String(); s != "" {
		t.Errorf("printed: %s", s)
	}
}
