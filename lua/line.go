package lua

import (
	"context"

	glua "github.com/yuin/gopher-lua"
)

// Line calls the function with an object, as Call does, for a handler that may wait for very long: there may be very
// many, so each has a Lua thread and a goroutine's stack that are small. What is only needed before and after is done by
// functions of its own, whose frames are gone meanwhile. What the handler opens belongs to s.
func (cb Callback) Line(h Host, ctx context.Context, s *Scope, object any) error {
	env := cb.line(h, ctx, s)
	if env.flow.depth > 0 {
		return cb.part(env, object)
	}
	return cb.lineEnded(env, env.lineRun(cb.fn, object))
}

// part is a call of Lua's from a bound function: part of the caller's flow, so that coroutine.yield in it yields to whoever
// resumed the caller.
func (cb Callback) part(env *Env, object any) error {
	_, err := cb.Call(env, object)
	return err
}

// line is the surroundings of a handler. Where the context is not a bound function's, as it is when a script calls the
// handler that an engine of its own was given, they have a flow of their own, and the baton.
func (cb Callback) line(h Host, ctx context.Context, s *Scope) *Env {
	if e := EnvOf(ctx); e != nil && e.w == cb.env.w && e.flow != nil {
		own := e.Under(ctx)
		own.place, own.scope, own.own = cb.env.place, s, true
		return own
	}
	env := cb.Env().Under(ctx)
	env.scope, env.own = s, true
	f := env.w.borrowFlow()
	f.host = h
	env.flow, env.strand = f, &strand{at: f, scope: s}
	f.strand.Store(env.strand)
	env.w.baton.take(f.wait)
	return env
}

// lineRun is flow.protect for a handler, whose results nobody wants but who asks for its fiber. The baton is held.
func (e *Env) lineRun(fn glua.LValue, object any) (err *thrown) {
	defer e.lineCaught(&err)
	if err = e.lineBegin(fn, object); err == nil {
		e.th.Call(1, glua.MultRet)
	}
	return err
}

func (e *Env) lineBegin(fn glua.LValue, object any) *thrown {
	if err := e.Err(); err != nil {
		return &thrown{value: glua.LString(err.Error())}
	}
	e.th = e.w.smallThreads.take(e.w)
	e.th.SetContext(e)
	e.flow.threads = append(e.flow.threads, e.th)
	e.flow.depth++
	e.th.Push(fn)
	e.th.Push(e.w.toLua(object))
	return nil
}

func (e *Env) lineCaught(err **thrown) {
	if r := recover(); r != nil {
		*err = e.flow.caught(e.th, r)
	}
	e.flow.threads, e.flow.depth = e.flow.threads[:0], 0
}

// lineEnded gives back what a handler had. The baton is held.
func (cb Callback) lineEnded(env *Env, thrown *thrown) error {
	w, f := env.w, env.flow
	if fb := env.strand.handler; fb != nil {
		var rets []glua.LValue
		for i := 1; thrown == nil && i <= env.th.GetTop(); i++ {
			rets = append(rets, env.th.Get(i))
		}
		fb.end(rets, thrown)
	}
	_, err := cb.results(env, nil, thrown)
	if thrown == nil && env.strand.at == f {
		w.smallThreads.put(env.th)
	}
	w.baton.pass()
	f.strand.Store(nil)
	w.returnFlow(f)
	return err
}

// The size of a handler's thread: few registers at first, and a table of call frames that just fits 1 KiB.
const (
	smallRegistry  = 32
	smallGrowth    = 64
	smallCallStack = 1016
)
