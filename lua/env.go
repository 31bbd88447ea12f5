package lua

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// An Env is what surrounds a call from Lua: the run's context, the scope that owns what it opens, the place where its
// sockets are made, its fiber. It is itself the context that a blocking function is given. It never changes; a change
// of surroundings is a new Env.
type Env struct {
	base   context.Context
	done   <-chan struct{}
	w      *World
	scope  *Scope
	place  any
	own    bool // scope and place are a callback's own, given by WithScope or WithPlace
	fiber  *Fiber
	strand *strand
	flow   *flow
	limit  *limit       // the fiber.timeout that base belongs to, or nil
	th     *glua.LState // the Lua thread it is the context of; nil in the making
}

// A strand is one straight line of Lua with all the coroutines in it: a chunk's, a fiber's, a callback's from outside.
type strand struct {
	at          *flow                   // the flow of it that runs or waits; the baton's holder's
	cancel      context.CancelCauseFunc // nil for a callback: its context is the caller's
	interrupted atomic.Bool
	handler     *Fiber // of a callback, once a script has asked for it
	scope       *Scope // that it began in; see Computes
	guests      atomic.Int32
}

// interrupt ends the run; the baton need not be held.
func (s *strand) interrupt() {
	if s.cancel != nil {
		s.cancel(context.Canceled)
		return
	}
	s.interrupted.Store(true)
}

var alreadyDone = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// newEnv is the surroundings of a chunk that runs on f.
func newEnv(ctx context.Context, w *World, f *flow, cancel context.CancelCauseFunc) *Env {
	e := &Env{base: ctx, done: ctx.Done(), w: w, scope: w.root, place: w.cfg.Place, flow: f}
	e.strand = &strand{at: f, cancel: cancel}
	e.fiber = &Fiber{w: w, env: e, strand: e.strand}
	f.strand.Store(e.strand)
	return e
}

type envKey struct{}

func (e *Env) Deadline() (time.Time, bool) { return e.base.Deadline() }

// Done is asked at every instruction of the virtual machine.
func (e *Env) Done() <-chan struct{} {
	if e.strand.interrupted.Load() {
		return alreadyDone
	}
	return e.done
}

func (e *Env) Err() error {
	if e.strand.interrupted.Load() {
		return context.Canceled
	}
	return e.base.Err()
}

// Value returns the Env itself under its private key, so that EnvOf finds it in derived contexts.
func (e *Env) Value(key any) any {
	if _, ok := key.(envKey); ok {
		return e
	}
	return e.base.Value(key)
}

// EnvOf is the Env that a bound function's context came from, or nil.
func EnvOf(ctx context.Context) *Env {
	e, _ := ctx.Value(envKey{}).(*Env)
	return e
}

// World is the Lua world of the call.
func (e *Env) World() *World { return e.w }

// Scope owns what the call opens.
func (e *Env) Scope() *Scope { return e.scope }

// Own registers a clean-up with the call's scope; name says what it is in messages. Release it when the thing is closed
// by hand.
func (e *Env) Own(name string, close func()) *Held { return e.scope.Own(name, close) }

// Place is where the call's sockets are to be made, or nil: here. Package plugins knows its type.
func (e *Env) Place() any { return e.place }

// WithPlace is a context for callbacks whose default place is p.
func (e *Env) WithPlace(p any) context.Context {
	c := *e
	c.place, c.own = p, true
	return &c
}

// WithScope is a context for callbacks whose things belong to s.
func (e *Env) WithScope(s *Scope) context.Context {
	c := *e
	c.scope, c.own = s, true
	return &c
}

// Where is the script's line that called, "file:line", or "".
func (e *Env) Where() string {
	if e.th == nil {
		return ""
	}
	return line(e.th)
}

func (e *Env) String() string { return fmt.Sprintf("lua.Env(%s)", e.Where()) }

// Under is e with another context underneath: what ends ctx ends what runs in it.
func (e *Env) Under(ctx context.Context) *Env {
	c := *e
	c.base, c.done, c.limit = ctx, ctx.Done(), nil
	return &c
}

// envOf is the Env that a running Lua thread has as its context.
func envOf(L *glua.LState) *Env { return L.Context().(*Env) }
