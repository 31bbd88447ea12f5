package lua

import (
	"fmt"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// A Closure is a Go function that scripts get as a value: one that is made for one server or one call, and so is not a
// module's. It is declared like any other; Fn.Name is what messages call it.
type Closure struct {
	Fn   Func
	once sync.Once
	made *glua.LFunction
}

// closure is the Lua function, which is the same each time. The baton is held.
func (w *World) closure(c *Closure) glua.LValue {
	if c == nil {
		return glua.LNil
	}
	c.once.Do(func() {
		b := &bound{w: w, name: c.Fn.Name, decl: &c.Fn}
		c.made = w.seed.NewFunction(b.call)
	})
	return c.made
}

// Defined is where the script has the function, "file:line"; "" for one that is not Lua's.
func (cb Callback) Defined() string {
	if fn, ok := cb.fn.(*glua.LFunction); ok && fn.Proto != nil {
		return fmt.Sprintf("%s:%d", fn.Proto.SourceName, fn.Proto.LineDefined)
	}
	return ""
}

// A StoppedError is a call of Lua's that was ended by its context, in the middle of a line.
type StoppedError struct {
	Where string // "file:line", or ""
	Err   error  // the context's
}

func (e *StoppedError) Error() string { return at(e.Where) + e.Err.Error() }

// Unwrap is the context's error.
func (e *StoppedError) Unwrap() error { return e.Err }

// Abandon ends the coroutine that made the call, if it is suspended: nothing of it runs any more.
func (e *Env) Abandon() {
	if e.flow != nil && e.flow.co != nil {
		e.flow.co.kill()
	}
}

// Guest counts code in the strand that is somebody else's: a handler that an engine of the script's own calls. See
// Computes.
func (e *Env) Guest(more int32) { e.strand.guests.Add(more) }

// Computes says whether what holds the baton belongs to s, and is no guest there.
func (w *World) Computes(s *Scope) bool {
	w.baton.mu.Lock()
	f := w.baton.holder
	w.baton.mu.Unlock()
	if f == nil {
		return false
	}
	st := f.strand.Load()
	return st != nil && st.scope == s && st.guests.Load() == 0
}

// FibersOf is how many fibers there are that were started in s.
func (w *World) FibersOf(s *Scope) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for fb := range w.fibers {
		if fb.env.scope == s {
			n++
		}
	}
	return n
}
