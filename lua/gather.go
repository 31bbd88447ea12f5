package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// gather reads a list of functions and Fibers and starts the functions.
func gather(L *glua.LState, fn string) []*Fiber {
	env := envOf(L)
	list, ok := L.Get(1).(*glua.LTable)
	if !ok {
		L.RaiseError("%s: argument 1 (fibers): list of functions or Fibers expected, got %s", fn, typeName(L.Get(1)))
	}
	n := list.Len()
	for i := 1; i <= n; i++ {
		v := list.RawGetInt(i)
		if ud, ok := v.(*glua.LUserData); ok {
			if fb, ok := ud.Value.(*Fiber); ok && fb.strand != env.strand {
				continue
			}
		}
		if !callable(L, v) {
			L.RaiseError("%s: argument 1 (fibers)[%d]: function or another Fiber expected, got %s", fn, i, typeName(v))
		}
	}
	out := make([]*Fiber, n)
	for i := range out {
		if ud, ok := list.RawGetInt(i + 1).(*glua.LUserData); ok {
			if fb, ok := ud.Value.(*Fiber); ok {
				out[i] = fb
				continue
			}
		}
		out[i] = env.w.spawn(env, list.RawGetInt(i+1), nil)
	}
	return out
}

func fiberAll(L *glua.LState) int {
	fibers, env := gather(L, "fiber.all"), envOf(L)
	failed := waitFor(env, fibers, func(fb *Fiber) bool { return fb.err != nil || fb.stopped }, len(fibers))
	if failed >= 0 || env.Err() != nil {
		cancelRest(env, fibers)
	}
	stopIfDone(L)
	if failed >= 0 {
		return fibers[failed].outcome(L)
	}
	res := L.CreateTable(len(fibers), 0)
	for i, fb := range fibers {
		if len(fb.rets) > 0 {
			res.RawSetInt(i+1, fb.rets[0])
		}
	}
	L.Push(glua.LTrue)
	L.Push(res)
	return 2
}

func fiberAny(L *glua.LState) int {
	fibers, env := gather(L, "fiber.any"), envOf(L)
	if len(fibers) == 0 {
		L.RaiseError("fiber.any: argument 1 (fibers): at least one is needed")
	}
	won := waitFor(env, fibers, func(fb *Fiber) bool { return fb.err == nil && !fb.stopped }, len(fibers))
	cancelRest(env, fibers)
	stopIfDone(L)
	if won < 0 {
		return fibers[len(fibers)-1].outcome(L)
	}
	L.Push(glua.LNumber(won + 1))
	return 1 + push(L, fibers[won].rets)
}

// waitFor parks until a fiber for which enough holds has ended, or left of them have. It is that fiber's index, or -1.
func waitFor(env *Env, fibers []*Fiber, enough func(*Fiber) bool, left int) int {
	f, found := env.flow, -1
	watches := make([]*watch, 0, len(fibers))
	for i, fb := range fibers {
		watches = append(watches, fb.onEnd(func() {
			left--
			if found < 0 && enough(fb) {
				found = i
			}
			if found >= 0 || left == 0 {
				env.w.baton.wake(f.wait, nil)
			}
		}))
	}
	if found < 0 && left > 0 {
		f.park(env, nil)
	}
	for _, wt := range watches {
		wt.ended = nil
	}
	return found
}

// cancelRest cancels those that still run and waits until they have ended.
func cancelRest(env *Env, fibers []*Fiber) {
	for _, fb := range fibers {
		fb.seen()
		if fb.strand.cancel != nil {
			fb.stop()
		}
	}
	if env.Err() != nil {
		return
	}
	waitFor(env, fibers, func(*Fiber) bool { return false }, len(fibers))
}
