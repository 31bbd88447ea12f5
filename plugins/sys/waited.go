package sys

import (
	"sync"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A bareNumber is a descriptor that a script names by its bare number: its own or anybody's. It is only waited for.
type bareNumber int

func (n bareNumber) Fileno() int { return int(n) }

// Closed is for the kernel to say: EBADF, or POLLNVAL.
func (bareNumber) Closed() bool { return false }

// attention is what a waiting call pays to listeners of engines that are written in Lua: they know of the wait, and may
// end it though nothing is ready.
type attention struct {
	mu    sync.Mutex
	ended bool
	wk    *wake // once the call has one
	done  []func(ready bool)
}

// to pays attention to x, if that wants any.
func (a *attention) to(w *lua.World, x waitable) {
	if d, ok := waitedOf(w, x); ok {
		a.done = append(a.done, d.Waits(a.end))
	}
}

// waitedOf is the one that wants attention behind a descriptor, or its number.
func waitedOf(w *lua.World, x waitable) (plugins.Waited, bool) {
	if n, ok := x.(bareNumber); ok {
		d := plugins.WaitedAt(w, int(n))
		return d, d != nil
	}
	d, ok := x.(plugins.Waited)
	return d, ok
}

// end ends the wait; it may come before the wait has begun.
func (a *attention) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.wk != nil {
		a.wk.notify()
	}
}

func (a *attention) wakes(wk *wake) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wk = wk
}

func (a *attention) isEnded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// over says how the wait ended.
func (a *attention) over(ready bool) {
	for _, done := range a.done {
		done(ready)
	}
}
