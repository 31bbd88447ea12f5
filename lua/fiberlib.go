package lua

import (
	"context"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// fiberModule declares fiber.* and with. Their bodies work on the baton itself, so they are written against gopher-lua
// (raw); Call is the declaration that help and the reference read.
func fiberModule() Module {
	return Module{
		Name: "fiber",
		Doc:  "Flows of a script's own: each is one straight line, and whatever waits lets the others run.",
		Funcs: []Func{
			{Name: "spawn", Params: "f, ...", Returns: "Fiber", Call: func(f Callback, args ...Value) *Fiber { return nil }, raw: fiberSpawn,
				Doc: "Starts f(...) as a fiber, whose first turn comes when the caller waits. It ends with the script or session; an error in a fiber that nobody joins is printed and makes exit code 1.",
				Example: `local f = fiber.spawn(function(a, b) fiber.sleep(0.01); return a + b end, 2, 3)
print(f:join())  --> true	5`},
			{Name: "sleep", Params: "seconds", Call: func(s time.Duration) {}, raw: fiberSleep,
				Doc: "Waits, and lets others run. Fibers that sleep to the same instant wake in the order in which they went to sleep.",
				Example: `local t = fiber.now()
fiber.sleep(0.02)
assert(fiber.now() - t >= 0.02)`},
			{Name: "now", Returns: "number", Call: func() float64 { return time.Since(started).Seconds() },
				Doc:     "Monotonic time in seconds, from an arbitrary start.",
				Example: `local t = fiber.now(); assert(fiber.now() >= t)`},
			{Name: "current", Returns: "Fiber", Call: func() *Fiber { return nil }, raw: fiberCurrent,
				Doc:     "The fiber that is running.",
				Example: `local f = fiber.spawn(function() return fiber.current() end); local _, me = f:join(); assert(me == f)`},
			{Name: "yield", Call: func() {}, raw: fiberYield,
				Doc: "Lets every fiber that is ready run first.",
				Example: `fiber.spawn(function() print("other") end)
fiber.yield()  --> other
print("me")    --> me`},
			{Name: "all", Params: "fibers", Returns: "true, {results} | nil, err", Call: func(list []Value) bool { return true }, raw: fiberAll,
				Doc: "Runs every function of the list as a fiber (Fibers are taken as they are) and waits for all. The results are the first result of each, in order. When one fails the others are cancelled.",
				Example: `local ok, r = fiber.all{function() fiber.sleep(0.02) return "slow" end, function() return "fast" end}
print(r[1], r[2])  --> slow	fast`},
			{Name: "any", Params: "fibers", Returns: "index, results… | nil, err", Call: func(list []Value) int { return 0 }, raw: fiberAny,
				Doc:     "Runs every function of the list as a fiber and waits for the first that succeeds; the losers are cancelled and joined. When all fail, nil and the last error.",
				Example: `print(fiber.any{function() fiber.sleep(5) end, function() return "fast" end})  --> 2	fast`},
			{Name: "timeout", Params: "seconds, f", Returns: "f's results | nil, err", Call: func(s time.Duration, f Callback) {}, raw: fiberTimeout,
				Doc: "Calls f and gives it so long; after that it is cancelled, and the error's code is ETIMEDOUT. An error in f goes on to the caller.",
				Example: `local ok, err = fiber.timeout(0.02, function() fiber.sleep(5) end)
print(ok, err.code)  --> nil	ETIMEDOUT`},
			{Name: "channel", Params: "[n]", Returns: "Channel", Call: func(n int) *Channel { return nil }, raw: newChannel,
				Doc: "A first-in first-out channel between fibers with room for n values; without n, a send waits for its recv.",
				Example: `local c = fiber.channel()
fiber.spawn(function() for i = 1, 3 do c:send(i) end c:close() end)
for v in function() return c:recv() end do io.write(v, " ") end print()  --> 1 2 3`},
		},
		Types: []Type{
			{Name: "Fiber", Doc: "A flow of the script's own, made by fiber.spawn.", Of: (*Fiber)(nil), Methods: []Func{
				{Name: "join", Params: "[timeout]", Returns: "true, results… | nil, err", Call: func(f *Fiber, timeout time.Duration) bool { return true }, raw: fiberJoin,
					Doc: "Waits until the fiber has ended. Never raises: an error, a cancellation (ECANCELED) and a timeout (ETIMEDOUT) are nil, err."},
				{Name: "cancel", Call: func(f *Fiber) {}, raw: fiberCancel,
					Doc: "Ends the fiber: what it waits for returns at once, a loop stops at the next instruction, and no Lua code of it runs any more."},
			}},
			channelType(),
		},
	}
}

func fiberSpawn(L *glua.LState) int {
	env := envOf(L)
	if !callable(L, L.Get(1)) {
		L.RaiseError("fiber.spawn: argument 1 (f): function expected, got %s", typeName(L.Get(1)))
	}
	env.w.pushAny(L, env.w.spawn(env, L.Get(1), args(L, 2)))
	return 1
}

func fiberSleep(L *glua.LState) int {
	return sleepFor(L, seconds(L, 1, "fiber.sleep", "seconds"))
}

func sleepFor(L *glua.LState, d time.Duration) int {
	env := envOf(L)
	w, f := env.w, env.flow
	when := time.Now().Add(d)
	if f.park(env, func() { w.baton.sleep(f.wait, when) }) != nil {
		stopIfDone(L)
	}
	return 0
}

func fiberYield(L *glua.LState) int {
	env := envOf(L)
	w, f := env.w, env.flow
	f.park(env, func() { w.baton.wakeLocked(f.wait, nil) })
	stopIfDone(L)
	return 0
}

func fiberCurrent(L *glua.LState) int {
	env := envOf(L)
	fb := env.fiber
	if fb == nil { // a handler: it ends with its connection
		if env.strand.handler == nil {
			env.strand.handler = &Fiber{w: env.w, env: env, strand: env.strand}
		}
		fb = env.strand.handler
	}
	env.w.pushAny(L, fb)
	return 1
}

func checkFiber(L *glua.LState, method string) *Fiber {
	if ud, ok := L.Get(1).(*glua.LUserData); ok {
		if fb, ok := ud.Value.(*Fiber); ok {
			return fb
		}
	}
	L.RaiseError("Fiber:%s: called on %s, not on a Fiber; use ':'", method, typeName(L.Get(1)))
	return nil
}

func fiberJoin(L *glua.LState) int {
	fb, env := checkFiber(L, "join"), envOf(L)
	var limit time.Duration
	if L.Get(2) != glua.LNil {
		limit = max(seconds(L, 2, "Fiber:join", "timeout"), 1)
	}
	if fb.strand == env.strand && !fb.done {
		L.RaiseError("Fiber:join: a fiber cannot wait for itself")
	}
	if err := fb.await(env, limit); err != nil {
		stopIfDone(L)
		return pushFault(L, err)
	}
	return fb.outcome(L)
}

func fiberCancel(L *glua.LState) int {
	fb := checkFiber(L, "cancel")
	if fb.strand.cancel == nil {
		L.RaiseError("Fiber:cancel: this is a server's handler; close its connection instead")
	}
	fb.stop()
	stopIfDone(L)
	L.Push(glua.LTrue)
	return 1
}

func fiberTimeout(L *glua.LState) int {
	d := seconds(L, 1, "fiber.timeout", "seconds")
	if !callable(L, L.Get(2)) {
		L.RaiseError("fiber.timeout: argument 2 (f): function expected, got %s", typeName(L.Get(2)))
	}
	env := envOf(L)
	l := env.within(d)
	defer l.end()
	rets, err := env.flow.protect(l.env, L.Get(2), args(L, 3))
	if err == nil {
		return push(L, rets)
	}
	stopIfDone(L)
	switch context.Cause(l.env.base) {
	case nil:
		panic(err)
	case l:
		return pushFault(L, &Fault{Code: "ETIMEDOUT", Op: "fiber.timeout", Message: "not done within " + d.String()})
	}
	// A coroutine began it in a run that is over, and another run has resumed it since.
	return pushFault(L, &Fault{Code: "ECANCELED", Op: "fiber.timeout", Message: "cancelled"})
}
