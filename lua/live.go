package lua

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// What is alive in a world: fibers, coroutines, flows that callbacks borrow.

func (w *World) addFiber(fb *Fiber) {
	w.mu.Lock()
	w.fibers[fb] = struct{}{}
	w.mu.Unlock()
}

func (w *World) removeFiber(fb *Fiber) {
	w.mu.Lock()
	delete(w.fibers, fb)
	w.mu.Unlock()
}

func (w *World) addRun(s *strand) {
	w.mu.Lock()
	w.runs[s] = struct{}{}
	w.mu.Unlock()
}

func (w *World) removeRun(s *strand) {
	w.mu.Lock()
	delete(w.runs, s)
	w.mu.Unlock()
}

// finish cancels everything there is. It returns when that is so: what goes by way of context.AfterFunc comes later, and
// a chunk that was waiting for the fiber which called os.exit would run on until then.
func (w *World) finish(cause error) {
	w.end(cause)
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.runs {
		s.cancel(cause)
	}
}

// busy says whether there are fibers or chunks that have not ended.
func (w *World) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.fibers)+len(w.runs) > 0
}

func (w *World) addCoroutine(c *coroutine) {
	w.mu.Lock()
	w.coroutines[c] = struct{}{}
	w.mu.Unlock()
}

func (w *World) removeCoroutine(c *coroutine) {
	w.mu.Lock()
	delete(w.coroutines, c)
	w.mu.Unlock()
}

// killCoroutines ends those that are suspended; it says how many goroutines of coroutines there are still.
func (w *World) killCoroutines() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.coroutines {
		c.kill()
	}
	return len(w.coroutines)
}

func (w *World) borrowFlow() *flow {
	if f, ok := w.flows.Get().(*flow); ok {
		return f
	}
	return w.newFlow()
}

func (w *World) returnFlow(f *flow) {
	f.host = nil
	w.flows.Put(f)
}

// looseGrace is how long a failed fiber waits for somebody to join it before its error is printed.
const looseGrace = 250 * time.Millisecond

// A looseEnd is the error of a fiber that nobody has joined yet. Its text is made at once, with the baton: the error may
// be a table.
type looseEnd struct {
	fb    *Fiber
	text  string
	timer *time.Timer
}

// loose notes a fiber that failed with nobody waiting for it. The baton is held.
func (w *World) loose(fb *Fiber) {
	end := &looseEnd{fb: fb, text: fmt.Sprintf("fiber %d: %s\n", fb.id, show1(w.scriptError(fb.err)))}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unjoined = append(w.unjoined, end)
	end.timer = time.AfterFunc(looseGrace, func() {
		if w.unloose(fb, 1) {
			w.errout.write(end.text)
		}
	})
}

// unloose takes a fiber off the list of those nobody joined and counts so many failures for it. It says whether it was
// there.
func (w *World) unloose(fb *Fiber, failures int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, end := range w.unjoined {
		if end.fb == fb {
			w.failures += failures
			end.timer.Stop()
			w.unjoined = slices.Delete(w.unjoined, i, i+1)
			return true
		}
	}
	return false
}

// Go runs f on a goroutine of its own; a panic becomes an error for report, with the name of who started it.
func Go(name string, report func(error), f func()) {
	go func() {
		defer func() {
			if r := recover(); r != nil {
				err := fmt.Errorf("%s: internal error: %v", name, r)
				if os.Getenv("NSH_DEBUG") != "" {
					debug.PrintStack()
				}
				if report != nil {
					report(err)
				}
			}
		}()
		f()
	}()
}
