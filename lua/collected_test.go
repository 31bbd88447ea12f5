package lua

import (
	"io"
	"runtime"
	"testing"
	"time"
	"weak"
)

// TestCollected: a world that is closed goes to the collector, though its globals hold objects.
func TestCollected(t *testing.T) {
	gone := func() weak.Pointer[World] {
		w, err := New(Config{Modules: []Module{constantModule()}, Stdout: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(w, `mine = c.counter f = fiber.spawn(function() end) f:join() co = coroutine.wrap(function() coroutine.yield() end) co()
			never = coroutine.create(function() end) done = coroutine.create(function() end) coroutine.resume(done)`); err != nil {
			t.Error(err)
		}
		w.Close()
		return weak.Make(w)
	}()
	for until := time.Now().Add(5 * time.Second); gone.Value() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("something holds a closed world")
		}
		runtime.GC()
	}
}
