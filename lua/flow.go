package lua

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// maxNesting bounds Lua inside Go inside Lua: pcall in pcall, coroutine in coroutine. C Lua's bound is the same
// (LUAI_MAXCCALLS); without one, nesting is bounded only by Go's one-gigabyte stack, whose end ends the process.
const maxNesting = 200

// A flow is one goroutine that runs Lua, with the Lua threads nested in it: the fiber's own and one per pcall. A thread
// of its own per pcall is what makes an error end exactly the frames inside: gopher-lua's PCall closes the upvalues of
// every frame of the thread, those outside included, and its xpcall those of none.
type flow struct {
	w       *World
	wait    *waiter
	co      *coroutine // the coroutine this flow is, or nil
	depth   int        // nested threads, those of the resumers included
	threads []*glua.LState
	dead    atomic.Bool                 // killed: its goroutine unwinds without the baton and touches nothing
	outside atomic.Pointer[glua.LState] // the thread whose call is in a Go function, without the baton
	strand  atomic.Pointer[strand]      // of the last one that ran it; for Interrupt
	host    Host                        // runs the goroutine, or nil; see hosted
}

func (w *World) newFlow() *flow {
	f := &flow{w: w}
	f.wait = newWaiter(f)
	return f
}

// backIn claims the flow for a callback on the goroutine of the Go function that th has called, and says whether that is
// still there and not in a callback already.
func (f *flow) backIn(th *glua.LState) bool {
	return f != nil && th != nil && f.outside.CompareAndSwap(th, nil)
}

// thrown is how a Lua error travels through Go: the panic value of every thread of this world.
type thrown struct {
	value glua.LValue
	where string // of the innermost Lua line
}

func (t *thrown) Error() string { return t.value.String() }

// throw is the Panic of every thread. A function called by Go itself, as in pcall(f), has no line above it on its
// thread: gopher-lua then begins the message with a bare space. As in C Lua there is no position, except that a declared
// function's misuse is worth the line of whoever is outside.
func throw(L *glua.LState) {
	t := &thrown{value: L.Get(-1), where: line(L)}
	if t.where == "" {
		env := envOf(L)
		t.where = env.flow.outerLine()
		if s, ok := t.value.(glua.LString); ok && strings.HasPrefix(string(s), " ") {
			s = s[1:]
			if dbg, ok := L.GetStack(0); ok {
				if fn, err := L.GetInfo("f", dbg, glua.LNil); err == nil && env.w.declared(fn) {
					s = glua.LString(at(t.where)) + s
				}
			}
			t.value = s
		}
	} else if s, ok := t.value.(glua.LString); ok {
		t.value = glua.LString(named(L, string(s)))
	}
	panic(t)
}

// outerLine is the innermost line of Lua outside the thread that runs.
func (f *flow) outerLine() string {
	for i := len(f.threads) - 2; i >= 0; i-- {
		if s := line(f.threads[i]); s != "" {
			return s
		}
	}
	return ""
}

func lineOf(L *glua.LState, dbg *glua.Debug) string {
	if _, err := L.GetInfo("Sl", dbg, glua.LNil); err != nil || dbg.CurrentLine <= 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", dbg.Source, dbg.CurrentLine)
}

// line is the innermost line of Lua, "file:line", or "".
func line(L *glua.LState) string {
	for level := 0; level < 16; level++ {
		dbg, ok := L.GetStack(level)
		if !ok {
			return ""
		}
		if s := lineOf(L, dbg); s != "" {
			return s
		}
	}
	return ""
}

// protect calls fn on a thread of its own and returns what it returns, or what it threw. The baton is held, and held
// again after. handler, if any, sees the error before it is returned (xpcall).
func (f *flow) protect(env *Env, fn glua.LValue, args []glua.LValue) (rets []glua.LValue, err *thrown) {
	if f.depth >= maxNesting {
		return nil, &thrown{value: glua.LString("stack overflow: calls nested " + fmt.Sprint(maxNesting) + " deep through Go (pcall, coroutine, callback)")}
	}
	th := f.w.threads.take(f.w)
	e := *env
	e.flow, e.th = f, th
	th.SetContext(&e)
	f.threads = append(f.threads, th)
	f.depth++
	returned := false
	defer func() {
		r := recover()
		if r == nil && !returned {
			return // runtime.Goexit: the flow is being given back, without the baton
		}
		f.threads = f.threads[:len(f.threads)-1]
		f.depth--
		if r != nil {
			err = f.caught(th, r)
			// th is left to the collector: what escaped from it may still refer to its registers.
		}
	}()
	th.Push(fn)
	for _, a := range args {
		th.Push(a)
	}
	th.Call(len(args), glua.MultRet)
	returned = true
	if n := th.GetTop(); n > 0 {
		rets = make([]glua.LValue, n)
		for i := range rets {
			rets[i] = th.Get(i + 1)
		}
	}
	f.w.threads.put(th)
	return rets, nil
}

// caught turns a recovered value into a Lua error.
func (f *flow) caught(th *glua.LState, r any) *thrown {
	switch v := r.(type) {
	case *thrown:
		return v
	case *glua.ApiError:
		return &thrown{value: v.Object}
	case runtime.Error:
		return f.internal(th, v.Error())
	case error:
		return f.internal(th, v.Error())
	case string:
		if strings.Contains(v, "callstack overflow") {
			return &thrown{value: glua.LString(at(line(th)) + "stack overflow"), where: line(th)}
		}
		return f.internal(th, v)
	}
	return f.internal(th, fmt.Sprint(r))
}

func (f *flow) internal(th *glua.LState, text string) *thrown {
	return &thrown{value: glua.LString(at(line(th)) + "internal error: " + text), where: line(th)}
}

// at is a position as a message begins with it.
func at(line string) string {
	if line == "" {
		return ""
	}
	return line + ": "
}

// adopt gives the threads of a coroutine's flow the surroundings of whoever resumes it now. What is a thread's own, the
// context of a fiber.timeout inside the coroutine or a callback's place, it keeps.
func (f *flow) adopt(old, env *Env) {
	f.strand.Store(env.strand)
	for _, th := range f.threads {
		e := envOf(th)
		n := *env
		n.flow, n.th = f, th
		if e.own {
			n.scope, n.place, n.own = e.scope, e.place, true
		}
		if e.base != old.base {
			n.base, n.done, n.limit = e.base, e.done, e.limit
		}
		th.SetContext(&n)
	}
}

// block runs do, which may wait, without the baton. A panic in do goes on with the baton, as a Lua error.
func (f *flow) block(do func()) {
	f.outdoors(func() { f.aside(do) })
}

// outdoors is block for what knows itself how to wait on a host.
func (f *flow) outdoors(do func()) {
	f.leave()
	defer f.comeBack(f.threads[len(f.threads)-1])
	do()
}

// leave gives the baton up, for a call of Go's that may wait.
func (f *flow) leave() {
	f.outside.Store(f.threads[len(f.threads)-1])
	f.w.baton.pass()
}

// comeBack takes the baton again.
func (f *flow) comeBack(th *glua.LState) {
	for !f.dead.Load() && !f.outside.CompareAndSwap(th, nil) {
		// A goroutine that the call has left behind is in a callback of ours. It has to end first.
		f.aside(func() { time.Sleep(100 * time.Microsecond) })
	}
	if f.dead.Load() {
		runtime.Goexit()
	}
	f.w.baton.take(f.wait)
}

// park gives the baton up until somebody wakes the flow. It returns why the wait ended early, if it did.
func (f *flow) park(env *Env, arrange func()) error {
	return f.w.baton.park(f.wait, env, arrange)
}
