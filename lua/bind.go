package lua

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// A plan is a declaration's signature, compiled once.
type plan struct {
	fn       reflect.Value
	slots    []slot // one per Go parameter
	params   []param
	variadic bool
	blocks   bool
	hasErr   bool
	outs     int // results before the error
	self     bool
}

type slotKind uint8

const (
	slotContext slotKind = iota
	slotEnv
	slotSelf
	slotArg
)

type slot struct {
	kind slotKind
	typ  reflect.Type
	arg  int
}

// A param is one Lua argument.
type param struct {
	name     string
	optional bool
	conv     *converter
	typ      reflect.Type
}

var (
	contextType = reflect.TypeFor[context.Context]()
	envType     = reflect.TypeFor[*Env]()
)

// compile reads a declaration. self is the receiver's type of a method, or nil.
func compile(f *Func, self reflect.Type) (*plan, error) {
	fn := reflect.ValueOf(f.Call)
	if fn.Kind() != reflect.Func {
		return nil, fmt.Errorf("its Call is %T, not a function", f.Call)
	}
	if self != nil && self.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("%s is a plain record; only objects have methods", self)
	}
	t := fn.Type()
	p := &plan{fn: fn, variadic: t.IsVariadic(), self: self != nil}
	names := paramNames(f.Params)
	for i := 0; i < t.NumIn(); i++ {
		in := t.In(i)
		switch {
		case in == contextType && len(p.params) == 0:
			p.blocks = true
			p.slots = append(p.slots, slot{kind: slotContext, typ: in})
			continue
		case in == envType:
			p.slots = append(p.slots, slot{kind: slotEnv, typ: in})
			continue
		case self != nil && in == self && !p.hasSelf():
			p.slots = append(p.slots, slot{kind: slotSelf, typ: in})
			continue
		}
		if len(names) <= len(p.params) {
			return nil, fmt.Errorf("its Params %q name %d parameters, the function has more", f.Params, len(names))
		}
		if p.variadic && i == t.NumIn()-1 {
			in = in.Elem()
		}
		conv, err := converterOf(in)
		if err != nil {
			return nil, err
		}
		n := names[len(p.params)]
		p.slots = append(p.slots, slot{kind: slotArg, typ: in, arg: len(p.params)})
		p.params = append(p.params, param{name: n.name, optional: n.optional, conv: conv, typ: in})
	}
	if len(names) != len(p.params) {
		return nil, fmt.Errorf("its Params %q name %d parameters, the function has %d", f.Params, len(names), len(p.params))
	}
	if self != nil && !p.hasSelf() {
		return nil, fmt.Errorf("a method of %s does not take one", self)
	}
	p.outs = t.NumOut()
	if p.outs > 0 && t.Out(p.outs-1) == errorType {
		p.hasErr = true
		p.outs--
	}
	if n := len(p.params); n > 0 && p.params[n-1].typ.Kind() == reflect.Struct && p.params[n-1].typ != valueType && p.params[n-1].typ != callbackType {
		p.params[n-1].optional = true
	}
	return p, nil
}

func (p *plan) hasSelf() bool {
	for _, s := range p.slots {
		if s.kind == slotSelf {
			return true
		}
	}
	return false
}

type paramName struct {
	name     string
	optional bool
}

// paramNames reads "name, [n], ...".
func paramNames(s string) []paramName {
	var out []paramName
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		bare := strings.Trim(part, "[] ")
		out = append(out, paramName{name: bare, optional: bare != part || bare == "..."})
	}
	return out
}

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
	if p.blocks {
		var crash any
		env.flow.block(func() {
			defer func() { crash = recover() }()
			out = p.fn.Call(in)
		})
		b.check(L, crash)
		b.finish(L, env, p, out)
		stopIfDone(L)
	} else {
		var crash any
		func() {
			defer func() { crash = recover() }()
			out = p.fn.Call(in)
		}()
		b.check(L, crash)
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

// read converts the arguments.
func (b *bound) read(L *glua.LState, env *Env, p *plan) []reflect.Value {
	first := 1
	if p.self {
		first = 2
	}
	top := L.GetTop()
	if given := top - first + 1; !p.variadic && given > len(p.params) {
		for i := first + len(p.params); i <= top; i++ {
			if L.Get(i) != glua.LNil {
				L.RaiseError("%s: takes at most %d argument%s, got %d", b.name, len(p.params), plural(len(p.params)), given)
			}
		}
	}
	in := make([]reflect.Value, 0, len(p.slots)+2)
	for _, s := range p.slots {
		switch s.kind {
		case slotContext, slotEnv:
			in = append(in, reflect.ValueOf(env))
		case slotSelf:
			in = append(in, b.receiver(L))
		case slotArg:
			if p.variadic && s.arg == len(p.params)-1 {
				for i := first + s.arg; i <= top; i++ {
					in = append(in, b.argument(L, env, p, s.arg, i, i-first+1))
				}
				continue
			}
			in = append(in, b.argument(L, env, p, s.arg, first+s.arg, s.arg+1))
		}
	}
	return in
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func (b *bound) receiver(L *glua.LState) reflect.Value {
	if ud, ok := L.Get(1).(*glua.LUserData); ok && ud.Value != nil {
		if rv := reflect.ValueOf(ud.Value); rv.Type() == b.typ.rt && infoOf(ud) != nil {
			return rv
		}
	}
	got := typeName(L.Get(1))
	if L.Get(1) == glua.LNil {
		got = "nothing"
	}
	L.RaiseError("%s: called on %s, not on a %s; use ':'", b.name, got, b.typ.decl.Name)
	return reflect.Value{}
}

func (b *bound) argument(L *glua.LState, env *Env, p *plan, i, at, number int) reflect.Value {
	pa := &p.params[i]
	into := reflect.New(pa.typ).Elem()
	v := L.Get(at)
	if v == glua.LNil && pa.optional && pa.typ.Kind() != reflect.Struct {
		return into
	}
	if v == glua.LNil && pa.typ == callbackType && pa.optional {
		return into
	}
	if err := pa.conv.read(env, v, into); err != nil {
		b.raise(L, pa, number, err)
	}
	return into
}

// raise says which function, which argument, and what was wrong.
func (b *bound) raise(L *glua.LState, pa *param, number int, err error) {
	a, _ := err.(*argError)
	isOptions := pa.typ.Kind() == reflect.Struct
	switch {
	case a != nil && a.path == "" && strings.HasPrefix(a.text, "option "):
		L.RaiseError("%s: %s", b.name, a.text)
	case a != nil && a.path != "" && isOptions:
		L.RaiseError("%s: option '%s': %s", b.name, a.path, a.text)
	case a != nil:
		L.RaiseError("%s: argument %d (%s)%s: %s", b.name, number, pa.name, dotted(a.path), a.text)
	default:
		L.RaiseError("%s: argument %d (%s): %s", b.name, number, pa.name, err.Error())
	}
}

func dotted(path string) string {
	if path == "" || path[0] == '[' {
		return path
	}
	return "." + path
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
