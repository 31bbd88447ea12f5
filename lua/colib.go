package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// coroutine.* of Lua 5.1, with isyieldable and close of later ones.
func (w *World) openCoroutine() {
	mod := w.seed.CreateTable(0, 8)
	for name, fn := range map[string]glua.LGFunction{
		"create": w.coCreate, "resume": coResume, "yield": coYield, "status": coStatus, "wrap": w.coWrap,
		"running": coRunning, "isyieldable": coIsYieldable, "close": coClose,
	} {
		mod.RawSetString(name, w.seed.NewFunction(fn))
	}
	w.seed.SetGlobal("coroutine", mod)
}

func checkThread(L *glua.LState, fn string) *thread {
	t, ok := L.Get(1).(*thread)
	if !ok {
		L.RaiseError("coroutine.%s: argument 1: coroutine expected, got %s", fn, typeName(L.Get(1)))
	}
	return t
}

func checkFunction(L *glua.LState, n int, fn string) *glua.LFunction {
	f, ok := L.Get(n).(*glua.LFunction)
	if !ok {
		L.RaiseError("%s: argument %d: function expected, got %s", fn, n, typeName(L.Get(n)))
	}
	return f
}

func (w *World) coCreate(L *glua.LState) int {
	L.Push(w.newCoroutine(checkFunction(L, 1, "coroutine.create")))
	return 1
}

func args(L *glua.LState, from int) []glua.LValue {
	n := L.GetTop()
	if n < from {
		return nil
	}
	out := make([]glua.LValue, 0, n-from+1)
	for i := from; i <= n; i++ {
		out = append(out, L.Get(i))
	}
	return out
}

func push(L *glua.LState, vs []glua.LValue) int {
	for _, v := range vs {
		L.Push(v)
	}
	return len(vs)
}

func coResume(L *glua.LState) int {
	t := checkThread(L, "resume")
	rets, err := t.resume(envOf(L), args(L, 2))
	if err != nil {
		stopIfDone(L)
		L.Push(glua.LFalse)
		L.Push(err.value)
		return 2
	}
	L.Push(glua.LTrue)
	return 1 + push(L, rets)
}

func coYield(L *glua.LState) int {
	f := envOf(L).flow
	if f.co == nil {
		L.RaiseError("attempt to yield from outside a coroutine")
	}
	vals := f.co.yield(args(L, 1))
	stopIfDone(L)
	return push(L, vals)
}

func coStatus(L *glua.LState) int {
	L.Push(glua.LString(coNames[checkThread(L, "status").co.status.Load()]))
	return 1
}

func (w *World) coWrap(L *glua.LState) int {
	t := w.newCoroutine(checkFunction(L, 1, "coroutine.wrap"))
	L.Push(w.seed.NewFunction(func(L *glua.LState) int {
		rets, err := t.resume(envOf(L), args(L, 1))
		if err != nil {
			panic(err)
		}
		return push(L, rets)
	}))
	return 1
}

func coRunning(L *glua.LState) int {
	if c := envOf(L).flow.co; c != nil {
		if t := c.handle.Value(); t != nil {
			L.Push(t)
			return 1
		}
	}
	L.Push(glua.LNil)
	return 1
}

func coIsYieldable(L *glua.LState) int {
	L.Push(glua.LBool(envOf(L).flow.co != nil))
	return 1
}

func coClose(L *glua.LState) int {
	t := checkThread(L, "close")
	switch t.co.status.Load() {
	case isRunning, isNormal:
		L.RaiseError("coroutine.close: cannot close a %s coroutine", coNames[t.co.status.Load()])
	}
	t.co.kill()
	L.Push(glua.LTrue)
	return 1
}

// stopIfDone ends the call when the run has been cancelled: nothing of Lua's runs after that. The Env is read anew: a
// coroutine that yielded meanwhile may have been resumed by another run.
func stopIfDone(L *glua.LState) {
	env := envOf(L)
	select {
	case <-env.Done():
		L.RaiseError("%s", env.Err().Error())
	default:
	}
}
