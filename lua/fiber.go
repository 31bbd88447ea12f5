package lua

import (
	"context"
	"fmt"
	"slices"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A Fiber is a flow of a script's own: a goroutine with a Lua thread. All of it belongs to the holder of the baton.
type Fiber struct {
	w       *World
	id      int
	env     *Env
	strand  *strand
	done    bool
	rets    []glua.LValue
	err     *thrown // how it failed
	stopped bool    // it ended by cancellation
	joined  bool    // somebody has seen how it ended
	watch   []*watch
}

// A watch is called, by the holder of the baton, when a fiber ends.
type watch struct{ ended func() }

// spawn starts a fiber. The baton is held; the fiber's first turn comes after those who are in line already.
func (w *World) spawn(env *Env, fn glua.LValue, args []glua.LValue) *Fiber {
	return w.spawnIn(env, func(live func()) { live() }, fn, args)
}

// Spawn starts a fiber that calls the function, as fiber.spawn does; around is the whole of its goroutine, in which live
// is its life. The baton is held: it is for bound functions without a context.
func (cb Callback) Spawn(env *Env, around func(live func()), args ...Value) *Fiber {
	in := make([]glua.LValue, len(args))
	for i, a := range args {
		in[i] = cb.env.w.toLua(a)
	}
	return cb.env.w.spawnIn(env, around, cb.fn, in)
}

func (w *World) spawnIn(env *Env, around func(live func()), fn glua.LValue, args []glua.LValue) *Fiber {
	f := w.newFlow()
	ctx, cancel := context.WithCancelCause(env.scope.ctx)
	w.fiberID++
	fb := &Fiber{w: w, id: w.fiberID, strand: &strand{at: f, cancel: cancel, scope: env.scope}}
	e := *env
	e.base, e.done, e.limit, e.fiber, e.flow, e.strand = ctx, ctx.Done(), nil, fb, f, fb.strand
	fb.env = &e
	f.strand.Store(fb.strand)
	w.addFiber(fb)
	b := &w.baton
	b.mu.Lock()
	b.enqueue(f.wait) // its ticket is drawn here, by its maker
	b.mu.Unlock()
	go around(func() { fb.live(fn, args) })
	return fb
}

func (fb *Fiber) live(fn glua.LValue, args []glua.LValue) {
	f := fb.env.flow
	<-f.wait.turn
	var rets []glua.LValue
	var err *thrown
	if fb.env.base.Err() == nil {
		rets, err = f.protect(fb.env, fn, args)
	}
	fb.end(rets, err)
	if fb.err != nil && !fb.joined {
		fb.w.loose(fb)
	}
	fb.strand.cancel(nil)
	fb.w.removeFiber(fb)
	fb.w.baton.pass()
}

// end notes how the fiber ended and tells those who wait for it.
func (fb *Fiber) end(rets []glua.LValue, err *thrown) {
	fb.done, fb.rets, fb.err = true, rets, err
	if fb.env.Err() != nil {
		fb.stopped, fb.rets, fb.err = true, nil, nil
	}
	for _, wt := range fb.watch {
		if wt.ended != nil {
			fb.joined = true
			wt.ended()
		}
	}
	fb.watch = nil
}

// seen notes that somebody has learnt how the fiber ended, or cares no more.
func (fb *Fiber) seen() {
	fb.joined = true
	fb.w.unloose(fb, 0)
}

// stop cancels the fiber. If it is parked its turn comes in the order of the stops.
func (fb *Fiber) stop() {
	if fb.done {
		return
	}
	fb.w.baton.wake(fb.strand.at.wait, context.Canceled)
	fb.strand.cancel(context.Canceled)
}

// onEnd registers fn for when the fiber ends; it runs at once if it has.
func (fb *Fiber) onEnd(fn func()) *watch {
	wt := &watch{ended: fn}
	if fb.done {
		fb.seen()
		fn()
		return wt
	}
	fb.watch = append(fb.watch, wt)
	return wt
}

// await parks the caller until the fiber has ended, the time is over (0: no limit), or the caller is cancelled.
func (fb *Fiber) await(env *Env, limit time.Duration) error {
	if fb.done {
		fb.seen()
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
	fb.watch = slices.DeleteFunc(fb.watch, func(o *watch) bool { return o == wt })
	if err == nil && !fb.done {
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
