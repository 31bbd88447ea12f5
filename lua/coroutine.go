package lua

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"weak"

	glua "github.com/yuin/gopher-lua"
)

// A thread is a coroutine as scripts hold it: a handle apart from the flow that runs it. When no script can reach the
// handle any more, the flow's goroutine is given back. A coroutine whose own suspended locals refer to its handle keeps
// itself alive, as everything that a goroutine's stack refers to does; it ends with its world.
type thread struct {
	co *coroutine
	fn glua.LValue // until it starts; here and not in co, which the clean-up holds from then on
}

func (t *thread) String() string        { return fmt.Sprintf("thread: %p", t) }
func (t *thread) Type() glua.LValueType { return glua.LTThread }

// A coroutine is the running side. All but status belongs to whoever holds the baton.
type coroutine struct {
	w      *World
	status atomic.Int32
	flow   *flow // nil until it starts
	env    *Env  // of the last resumer
	handle weak.Pointer[thread]
	unheld runtime.Cleanup // kills it when no script has the handle any more

	in, out chan struct{} // hand-over to the coroutine, and back; one slot each
	values  []glua.LValue // what is handed over
	err     *thrown       // how it ended, with out
	prev    *coroutine    // the one that resumed this one
	host    Host          // of the resumer, to be told of the hand-over back; or nil
}

const (
	isSuspended int32 = iota
	isRunning
	isNormal // it resumed another one
	isDead
	isKilled // its goroutine unwinds
)

var coNames = [...]string{"suspended", "running", "normal", "dead", "dead"}

func (w *World) newCoroutine(fn glua.LValue) *thread {
	c := &coroutine{w: w, in: make(chan struct{}, 1), out: make(chan struct{}, 1)}
	t := &thread{co: c, fn: fn}
	c.handle = weak.Make(t)
	return t
}

// kill ends a suspended coroutine: its goroutine unwinds with Goexit, which no pcall of Lua's sees, so no Lua code runs.
func (c *coroutine) kill() {
	if c.status.CompareAndSwap(isSuspended, isKilled) && c.flow != nil {
		c.in <- struct{}{}
	}
}

// resume runs the coroutine on its own goroutine until it yields or ends, by direct hand-over: the baton stays held by
// the chain of resumers.
func (t *thread) resume(env *Env, args []glua.LValue) ([]glua.LValue, *thrown) {
	c, f := t.co, env.flow
	if st := c.status.Load(); st != isSuspended {
		return nil, &thrown{value: glua.LString("cannot resume " + coNames[st] + " coroutine")}
	}
	if f.depth+1 >= maxNesting {
		return nil, &thrown{value: glua.LString("stack overflow: coroutines nested too deep")}
	}
	if !c.status.CompareAndSwap(isSuspended, isRunning) {
		return nil, &thrown{value: glua.LString("cannot resume dead coroutine")}
	}
	if c.prev = f.co; c.prev != nil {
		c.prev.status.Store(isNormal)
	}
	c.values, c.err = args, nil
	h := f.hosted()
	c.host = h
	if c.flow == nil {
		c.start(t, env)
	} else {
		if c.env.base != env.base || c.env.scope != env.scope || c.env.place != env.place || c.env.strand != env.strand {
			c.flow.adopt(c.env, env)
			c.env = env
		}
		c.flow.depth += f.depth
		env.strand.at = c.flow
		c.in <- struct{}{}
	}
	c.await(h)
	env.strand.at = f
	c.flow.depth -= f.depth
	if c.prev != nil {
		c.prev.status.Store(isRunning)
		c.prev = nil
	}
	rets := c.values
	c.values = nil
	runtime.KeepAlive(t)
	return rets, c.err
}

func (c *coroutine) start(t *thread, env *Env) {
	fn := t.fn
	t.fn = nil
	c.flow, c.env = c.w.newFlow(), env
	c.flow.co, c.flow.depth = c, env.flow.depth
	c.flow.strand.Store(env.strand)
	env.strand.at = c.flow
	c.w.addCoroutine(c)
	c.unheld = runtime.AddCleanup(t, (*coroutine).kill, c)
	go c.run(c.flow, env, fn)
}

func (c *coroutine) run(f *flow, env *Env, fn glua.LValue) {
	defer c.w.removeCoroutine(c)
	defer c.unheld.Stop() // it would hold the world, and all that scripts in it hold
	args := c.values
	c.values = nil
	rets, err := f.protect(env, fn, args)
	c.values, c.err = rets, err
	c.status.Store(isDead)
	c.giveBack()
}

// giveBack hands over to the resumer.
func (c *coroutine) giveBack() {
	h := c.host
	c.out <- struct{}{}
	if h != nil {
		h.Unpark()
	}
}

// await waits for the hand-over back.
func (c *coroutine) await(h Host) {
	for h != nil {
		select {
		case <-c.out:
			return
		default:
			h.Park()
		}
	}
	<-c.out
}

// yield hands values back to the resumer and waits to be resumed.
func (c *coroutine) yield(values []glua.LValue) []glua.LValue {
	c.values = values
	c.status.Store(isSuspended)
	c.giveBack()
	<-c.in
	if c.status.Load() == isKilled {
		c.flow.dead.Store(true)
		runtime.Goexit()
	}
	values, c.values = c.values, nil
	return values
}
