package lua

import (
	"context"
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A Fiber is a flow of a script's own: a goroutine with a Lua thread. All of it belongs to the holder of the baton.
type Fiber struct {
	w       *World
	id      int
	env     *Env
	cancel  context.CancelCauseFunc // nil for a handler's: it ends with its connection
	flow    *flow
	done    bool
	rets    []glua.LValue
	err     *thrown // how it failed
	stopped bool    // it ended by cancellation
	joined  bool    // somebody has seen, or waits for, how it ended
	watch   []*watch
}

// A watch is called, by the holder of the baton, when a fiber ends.
type watch struct{ ended func() }

// spawn starts a fiber. The baton is held; the fiber's first turn comes after those who are in line already.
func (w *World) spawn(env *Env, fn glua.LValue, args []glua.LValue) *Fiber {
	f := w.newFlow()
	ctx, cancel := context.WithCancelCause(env.scope.ctx)
	fb := &Fiber{w: w, cancel: cancel, flow: f}
	w.fiberID++
	fb.id = w.fiberID
	e := *env
	e.base, e.done, e.fiber, e.flow = ctx, ctx.Done(), fb, f
	fb.env = &e
	w.addFiber(fb)
	b := &w.baton
	b.mu.Lock()
	b.enqueue(f.wait) // its ticket is drawn here, by its maker
	b.mu.Unlock()
	go fb.run(fn, args)
	return fb
}

func (fb *Fiber) run(fn glua.LValue, args []glua.LValue) {
	<-fb.flow.wait.turn
	if fb.env.base.Err() == nil {
		fb.rets, fb.err = fb.flow.protect(fb.env, fn, args)
	}
	fb.end()
	fb.w.baton.pass()
	fb.w.removeFiber(fb)
}

func (fb *Fiber) end() {
	if fb.env.base.Err() != nil {
		fb.stopped, fb.err = true, nil
	}
	fb.done = true
	fb.cancel(nil)
	for _, wt := range fb.watch {
		if wt.ended != nil {
			wt.ended()
		}
	}
	fb.watch = nil
	if fb.err != nil && !fb.joined {
		fb.w.loose(fb)
	}
}

// stop cancels the fiber. If it is parked its turn comes in the order of the stops.
func (fb *Fiber) stop() {
	if fb.done {
		return
	}
	fb.w.baton.wake(fb.flow.wait, context.Canceled)
	fb.cancel(context.Canceled)
}

// onEnd registers fn for when the fiber ends; it runs at once if it has.
func (fb *Fiber) onEnd(fn func()) *watch {
	fb.joined = true
	fb.w.joined(fb)
	wt := &watch{ended: fn}
	if fb.done {
		fn()
		return wt
	}
	fb.watch = append(fb.watch, wt)
	return wt
}

// await parks the caller until the fiber has ended, the time is over (0: no limit), or the caller is cancelled.
func (fb *Fiber) await(env *Env, limit time.Duration) error {
	if fb.done {
		fb.onEnd(func() {})
		return nil
	}
	f := env.flow
	wt := fb.onEnd(func() { fb.w.baton.wake(f.wait, nil) })
	err := f.park(env, func() {
		if limit > 0 {
			fb.w.baton.sleep(f.wait, time.Now().Add(limit))
		}
	})
	wt.ended = nil
	if err == nil && !fb.done {
		fb.joined = false
		return &Fault{Code: "ETIMEDOUT", Op: "join", Message: fmt.Sprintf("fiber %d is still running", fb.id)}
	}
	return err
}

// outcome is what join returns: true and the results, or nil and why.
func (fb *Fiber) outcome(L *glua.LState) int {
	switch {
	case fb.stopped:
		return pushFault(L, &Fault{Code: "ECANCELED", Op: "fiber", Message: "cancelled"})
	case fb.err != nil:
		L.Push(glua.LNil)
		if s, ok := fb.err.value.(glua.LString); ok {
			fb.w.pushAny(L, &Fault{Code: "ERROR", Message: string(s)})
		} else {
			L.Push(fb.err.value)
		}
		return 2
	}
	L.Push(glua.LTrue)
	return 1 + push(L, fb.rets)
}

func (fb *Fiber) String() string {
	state := "running"
	switch {
	case fb.stopped:
		state = "cancelled"
	case fb.err != nil:
		state = "failed"
	case fb.done:
		state = "done"
	}
	return fmt.Sprintf("Fiber %d (%s)", fb.id, state)
}
