package lua

import (
	"fmt"
	"os"
	"runtime/debug"
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

func (w *World) liveFibers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.fibers)
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

func (w *World) borrowFlow() *flow {
	if f, ok := w.flows.Get().(*flow); ok {
		return f
	}
	return w.newFlow()
}

func (w *World) returnFlow(f *flow) { w.flows.Put(f) }

// looseGrace is how long a failed fiber waits for somebody to join it before its error is printed.
const looseGrace = 250 * time.Millisecond

// loose notes a fiber that failed with nobody waiting for it.
func (w *World) loose(fb *Fiber) {
	w.mu.Lock()
	w.unjoined = append(w.unjoined, fb)
	w.mu.Unlock()
	timer := time.AfterFunc(looseGrace, func() {
		if w.joined(fb) {
			w.reportLoose(fb)
		}
	})
	w.root.Own("error of a fiber", func() { timer.Stop() })
}

// joined takes a fiber off the list of those nobody joined; it says whether it was there.
func (w *World) joined(fb *Fiber) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.unjoined {
		if other == fb {
			w.unjoined = append(w.unjoined[:i], w.unjoined[i+1:]...)
			return true
		}
	}
	return false
}

func (w *World) reportLoose(fb *Fiber) {
	w.mu.Lock()
	w.failures++
	report := w.cfg.Stderr
	w.mu.Unlock()
	fmt.Fprintf(report, "fiber %d: %s\n", fb.id, show1(w.scriptError(fb.err)))
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
