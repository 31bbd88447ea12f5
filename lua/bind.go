package lua

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A bound function is a declaration in one world.
type bound struct {
	w    *World
	name string // "dns.resolve", "Server:stop"
	decl *Func
	typ  *typeInfo // of a method
	plan *plan     // compiled at the first call
}

// bind makes the Lua function of a declaration.
func (w *World) bind(name string, f *Func, t *typeInfo) *glua.LFunction {
	b := &bound{w: w, name: name, decl: f, typ: t}
	call := b.call
	if f.raw != nil {
		call = f.raw
	} else if f.Direct != nil {
		call = b.direct
	}
	fn := w.seed.NewFunction(call)
	w.bounds[fn] = b
	return fn
}

// declared says whether a value is the Lua function of a declaration.
func (w *World) declared(v glua.LValue) bool {
	fn, ok := v.(*glua.LFunction)
	return ok && w.bounds[fn] != nil
}

func (b *bound) compile() *plan {
	if b.plan == nil {
		var self reflect.Type
		if b.typ != nil {
			self = b.typ.rt
		}
		p, err := compile(b.decl, self)
		if err != nil {
			panic(fmt.Errorf("the declaration of %s: %w", b.name, err))
		}
		b.plan = p
	}
	return b.plan
}

func (b *bound) call(L *glua.LState) int {
	env, p := envOf(L), b.compile()
	in := b.read(L, env, p)
	var out []reflect.Value
	var from time.Time
	told := b.w.witnesses.some.Load()
	if told {
		from = time.Now()
	}
	if p.blocks {
		var crash any
		env.flow.block(func() {
			defer func() { crash = recover() }()
			out = p.fn.Call(in)
		})
		b.check(L, crash)
		b.finish(L, env, p, out)
		if told {
			b.witnessed(p, in, out, from)
		}
		stopIfDone(L)
	} else {
		var crash any
		func() {
			defer func() { crash = recover() }()
			out = p.fn.Call(in)
		}()
		b.check(L, crash)
		if told {
			b.witnessed(p, in, out, from)
		}
	}
	return b.results(L, env, p, out)
}

// check turns a plugin's panic into an error that names the function.
func (b *bound) check(L *glua.LState, crash any) {
	if crash == nil {
		return
	}
	if t, ok := crash.(*thrown); ok {
		panic(t)
	}
	L.RaiseError("%s: internal error: %v", b.name, crash)
}

// finish lets an Exit through before a cancelled run is stopped.
func (b *bound) finish(L *glua.LState, env *Env, p *plan, out []reflect.Value) {
	if !p.hasErr {
		return
	}
	if err, _ := out[p.outs].Interface().(error); err != nil {
		var exit *ExitError
		if errors.As(err, &exit) {
			b.w.exit(exit)
		}
	}
}

// results pushes what the function returned.
func (b *bound) results(L *glua.LState, env *Env, p *plan, out []reflect.Value) int {
	if p.hasErr {
		if err, _ := out[p.outs].Interface().(error); err != nil {
			return b.failed(L, env, err)
		}
		if p.outs == 0 {
			L.Push(glua.LTrue)
			return 1
		}
	}
	n := 0
	for i := 0; i < p.outs; i++ {
		if list, ok := out[i].Interface().(Results); ok {
			for _, x := range list {
				L.Push(b.w.toLua(x))
			}
			n += len(list)
			continue
		}
		if list, ok := out[i].Interface().([]Value); ok && i == p.outs-1 { // a callback's results, passed on
			for _, v := range list {
				L.Push(b.w.toLua(v))
				n++
			}
			continue
		}
		L.Push(b.w.reflected(out[i]))
		n++
	}
	return n
}

func (b *bound) failed(L *glua.LState, env *Env, err error) int {
	var mis *Misuse
	var exit *ExitError
	var se *ScriptError
	switch {
	case errors.As(err, &exit):
		b.w.leave(L, exit)
	case errors.As(err, &mis):
		L.RaiseError("%s", b.misuse(mis))
	case errors.As(err, &se): // from a callback: it goes on as it was thrown
		panic(se.thrown)
	}
	return pushFault(L, err)
}

func (b *bound) misuse(m *Misuse) string {
	if m.Arg == "" {
		return b.name + ": " + m.Message
	}
	p := b.compile()
	for i, pa := range p.params {
		if pa.name == m.Arg {
			return fmt.Sprintf("%s: argument %d (%s): %s", b.name, i+1, m.Arg, m.Message)
		}
	}
	return b.name + ": option '" + m.Arg + "': " + m.Message
}
