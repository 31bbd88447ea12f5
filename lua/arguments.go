package lua

import (
	"reflect"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

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
	if tb, ok := L.Get(1).(*glua.LTable); ok && b.typ.mt != nil && tb.Metatable == glua.LValue(b.typ.mt) {
		return reflect.ValueOf(Value{tb})
	}
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
