package lua

import (
	"context"

	glua "github.com/yuin/gopher-lua"
)

// A Callback is a Lua function in Go's hands. It remembers the surroundings of whoever handed it over.
type Callback struct {
	fn  glua.LValue
	env *Env
}

// IsNil says that no function was given.
func (cb Callback) IsNil() bool { return cb.fn == nil || cb.fn == glua.LNil }

// Env is the surroundings of whoever handed the function over: its scope, its place. A context made of it is for calls
// from outside: it belongs to no flow, so none is mistaken for the caller's.
func (cb Callback) Env() *Env {
	e := *cb.env
	e.flow, e.th, e.fiber, e.limit = nil, nil, nil, nil
	return &e
}

// Call takes the baton, calls the function and gives the baton back. ctx ends it.
//
// From the goroutine of a bound function, with the context that function was given (or one derived from it), the call
// is part of the caller's flow: coroutine.yield in it works. From anywhere else the context must be another one, such
// as that of a Scope; the call then runs in the scope and the place of whoever handed the function over. A bound
// function without a context holds the baton and must not Call.
func (cb Callback) Call(ctx context.Context, args ...any) ([]Value, error) {
	return cb.CallOn(nil, ctx, args...)
}

// CallOn is Call from a goroutine that may be one that a host runs.
func (cb Callback) CallOn(h Host, ctx context.Context, args ...any) ([]Value, error) {
	w := cb.env.w
	env := EnvOf(ctx)
	if env != nil && env.w == w && env.flow.backIn(env.th) {
		return cb.inline(ctx, env, args)
	}
	f := w.borrowFlow()
	f.host = h
	defer w.returnFlow(f)
	e := *cb.env
	if env != nil && env.w == w {
		e = *env
	}
	if env == nil || env.flow == nil { // a handler, not part of a fiber
		e.fiber = nil
	}
	e.base, e.done, e.limit, e.flow, e.strand = ctx, ctx.Done(), nil, f, &strand{at: f, scope: e.scope}
	f.strand.Store(e.strand)
	defer f.strand.Store(nil)
	w.baton.take(f.wait)
	defer w.baton.pass()
	rets, err := cb.call(&e, args)
	if fb := e.strand.handler; fb != nil {
		fb.end(rets, err)
	}
	return cb.results(&e, rets, err)
}

// inline calls in the flow of the bound function that was given ctx.
func (cb Callback) inline(ctx context.Context, env *Env, args []any) ([]Value, error) {
	f, outer := env.flow, env.th
	f.w.baton.take(f.wait)
	defer func() {
		if f.dead.Load() {
			return
		}
		f.outside.Store(outer)
		f.w.baton.pass()
	}()
	switch {
	case ctx != context.Context(env):
		env = env.Under(ctx)
	case !env.own:
		env = envOf(outer) // a coroutine that yielded in an earlier callback may have another resumer now
	}
	rets, err := cb.call(env, args)
	if cur := envOf(outer); cur.strand != env.strand && err != nil && cur.Err() == nil {
		return nil, f.w.scriptError(err)
	}
	return cb.results(env, rets, err)
}

func (cb Callback) call(env *Env, args []any) ([]glua.LValue, *thrown) {
	if err := env.Err(); err != nil {
		return nil, &thrown{value: glua.LString(err.Error())}
	}
	var few [4]glua.LValue
	in := few[:0]
	for _, a := range args {
		in = append(in, cb.env.w.toLua(a))
	}
	return env.flow.protect(env, cb.fn, in)
}

func (cb Callback) results(env *Env, rets []glua.LValue, err *thrown) ([]Value, error) {
	if err == nil {
		return values(rets), nil
	}
	if why := env.Err(); why != nil {
		return nil, &StoppedError{Where: err.where, Err: why}
	}
	return nil, cb.env.w.scriptError(err)
}

func values(vs []glua.LValue) []Value {
	if len(vs) == 0 {
		return nil
	}
	out := make([]Value, len(vs))
	for i, v := range vs {
		out[i] = Value{v}
	}
	return out
}
