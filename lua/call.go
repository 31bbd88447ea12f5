package lua

import (
	"context"
	"errors"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A Call is one call of a Direct function: arguments are read and results pushed without reflection. Argument 1 of a
// method is its receiver.
type Call struct {
	L   *glua.LState
	b   *bound
	env *Env
}

// direct calls a declaration's Direct form.
func (b *bound) direct(L *glua.LState) int {
	c := Call{L: L, b: b, env: envOf(L)}
	if b.w.witnesses.some.Load() {
		return b.directWatched(&c)
	}
	return b.decl.Direct(&c)
}

func (b *bound) directWatched(c *Call) int {
	var self any
	if ud, ok := c.L.Get(1).(*glua.LUserData); ok && b.typ != nil && infoOf(ud) == b.typ {
		self = ud.Value
	}
	from := time.Now()
	n := b.decl.Direct(c)
	b.w.witnesses.tell(b.name, self, nil, from)
	return n
}

// Env is the call's surroundings.
func (c *Call) Env() *Env { return c.env }

// Self is the receiver of a method.
func (c *Call) Self() any {
	if ud, ok := c.L.Get(1).(*glua.LUserData); ok && infoOf(ud) == c.b.typ && ud.Value != nil {
		return ud.Value
	}
	c.b.receiver(c.L)
	return nil
}

// Len is the number of arguments, the receiver included.
func (c *Call) Len() int { return c.L.GetTop() }

// Arg is an argument as an opaque value.
func (c *Call) Arg(n int) Value { return Value{c.L.Get(n)} }

// Text is a string argument.
func (c *Call) Text(n int, name string) string {
	if s, ok := c.L.Get(n).(glua.LString); ok {
		return string(s)
	}
	c.Wrong(n, name, wrong("string", c.L.Get(n)).Error())
	return ""
}

// Wrong raises what is wrong with an argument.
func (c *Call) Wrong(n int, name, text string) {
	if c.b.typ != nil {
		n--
	}
	c.L.RaiseError("%s: argument %d (%s): %s", c.b.name, n, name, text)
}

// Options reads an options table into a struct with lua tags; into is a pointer to it.
func (c *Call) Options(n int, set *OptionSet, into any) {
	if err := set.read(c.env, c.L.Get(n), into); err != nil {
		a, _ := err.(*argError)
		if a != nil && a.path != "" {
			c.L.RaiseError("%s: option '%s': %s", c.b.name, a.path, a.text)
		}
		c.L.RaiseError("%s: %s", c.b.name, err)
	}
}

// Block runs do without the baton. do must return soon after the context is done.
func (c *Call) Block(do func(ctx context.Context)) {
	c.without(c.env.flow.block, do)
}

// Wait is Block for what knows itself how to wait on a Host: the methods of a connection.
func (c *Call) Wait(do func(ctx context.Context)) {
	c.without(c.env.flow.outdoors, do)
}

// Leave gives the baton up until Back. What is done in between must not panic; Block is for anything else.
func (c *Call) Leave() { c.env.flow.leave() }

// Back takes the baton again, and ends the call if its run has been cancelled.
func (c *Call) Back() {
	c.env.flow.comeBack(c.L)
	stopIfDone(c.L)
}

func (c *Call) without(baton func(func()), do func(ctx context.Context)) {
	var crash any
	baton(func() {
		defer func() { crash = recover() }()
		do(c.env)
	})
	c.b.check(c.L, crash)
	stopIfDone(c.L)
}

// Return pushes results and is their number.
func (c *Call) Return(results ...any) int {
	for _, r := range results {
		c.L.Push(c.b.w.toLua(r))
	}
	return len(results)
}

// ReturnText pushes one string.
func (c *Call) ReturnText(s string) int {
	c.L.Push(glua.LString(s))
	return 1
}

// ReturnInt pushes one number.
func (c *Call) ReturnInt(n int) int {
	c.L.Push(glua.LNumber(n))
	return 1
}

// Fail pushes nil, err; a Misuse is raised.
func (c *Call) Fail(err error) int {
	var mis *Misuse
	if errors.As(err, &mis) {
		c.L.RaiseError("%s", c.b.misuse(mis))
	}
	return pushFault(c.L, err)
}
