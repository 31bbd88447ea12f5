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

// Env is the surroundings of whoever handed the function over: its scope, its place.
func (cb Callback) Env() *Env { return cb.env }

// Call takes the baton, calls the function and gives the baton back. ctx ends it.
//
// From the goroutine of a bound function, with the context that function was given (or one derived from it), the call
// is part of the caller's flow: coroutine.yield in it works. From anywhere else the context must be another one, such
// as that of a Scope; the call then runs in the scope and the place of whoever handed the function over. A bound
// function without a context holds the baton and must not Call.
func (cb Callback) Call(ctx context.Context, args ...any) ([]Value, error) {
	w := cb.env.w
	env := EnvOf(ctx)
	if env != nil && env.w == w && env.flow.canCallBack() {
		return cb.inline(ctx, env, args)
	}
	f := w.borrowFlow()
	defer w.returnFlow(f)
	base := cb.env
	if env != nil {
		base = env
	}
	e := base.Under(ctx).on(f)
	if env == nil || env.flow == nil { // a handler, not part of a fiber
		e.fiber = nil
	}
	w.baton.take(f.wait)
	defer w.baton.pass()
	return cb.call(e, f, args)
}

// inline calls in the flow of the bound function that was given ctx.
func (cb Callback) inline(ctx context.Context, env *Env, args []any) ([]Value, error) {
	f := env.flow
	if !f.inGo.CompareAndSwap(outsideLua, backInLua) {
		panic("a call's context was used by another goroutine; give it the scope's")
	}
	cb.env.w.baton.take(f.wait)
	defer func() {
		if f.dead {
			return
		}
		f.inGo.Store(outsideLua)
		f.w.baton.pass()
	}()
	return cb.call(env.Under(ctx), f, args)
}

func (cb Callback) call(env *Env, f *flow, args []any) ([]Value, error) {
	if err := env.base.Err(); err != nil {
		return nil, err
	}
	var few [4]glua.LValue
	in := few[:0]
	for _, a := range args {
		in = append(in, cb.env.w.toLua(a))
	}
	was := f.inGo.Swap(0) // inside, the flow may stand in Go functions of its own
	rets, thrown := f.protect(env, cb.fn, in)
	f.inGo.Store(was)
	if thrown != nil {
		if err := env.base.Err(); err != nil {
			return nil, err
		}
		return nil, cb.env.w.scriptError(thrown)
	}
	return values(rets), nil
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
