package lua

import (
	"fmt"
	"reflect"
	"slices"

	glua "github.com/yuin/gopher-lua"
)

// A Const is a named value of a module: a number, a string, a boolean or a pointer of a declared Type. A func(*World)
// that returns one of these makes the value of each world apart: a thing with a state is never shared.
//
// A module that has constants knows its names: reading one that it does not have raises, with the near miss. A nil for
// a misspelt constant would travel on into a call and be blamed there.
type Const struct {
	Name  string
	Doc   string
	Value any
}

// in is the value in one world.
func (c *Const) in(w *World) any {
	if f := reflect.ValueOf(c.Value); f.Kind() == reflect.Func {
		return f.Call([]reflect.Value{reflect.ValueOf(w)})[0].Interface()
	}
	return c.Value
}

// entry describes a constant: a number by its value, an object by its type.
func (c *Const) entry(prefix string, names map[reflect.Type]string) *Entry {
	t := reflect.TypeOf(c.Value)
	if t.Kind() == reflect.Func {
		t = t.Out(0)
	}
	e := &Entry{Path: prefix + c.Name, Name: c.Name, Kind: "constant", Doc: c.Doc, Type: luaType(t, names)}
	if e.Returns = e.Type; names[t] == "" {
		e.Returns = fmt.Sprint(c.Value)
	}
	return e
}

// addConstants puts a module's constants into its table.
func (w *World) addConstants(m *Module, tb *glua.LTable) error {
	if len(m.Consts) == 0 {
		return nil
	}
	w.consts[tb] = append(w.consts[tb], m)
	for i := range m.Consts {
		c := &m.Consts[i]
		if tb.RawGetString(c.Name) != glua.LNil {
			return fmt.Errorf("%s.%s is declared twice", m.Name, c.Name)
		}
		tb.RawSetString(c.Name, w.toLua(c.in(w)))
	}
	if m.Name != "" {
		w.metaOf(m, tb).RawSetString("__index", w.seed.NewFunction(func(L *glua.LState) int {
			L.RaiseError("%s has no field %s%s", m.Name, describe(L.Get(2)), meant(string(textOf(L.Get(2))), namesIn(tb)))
			return 0
		}))
	}
	return nil
}

// constDoc is what the constant of that name in a module's table is about, or "".
func (w *World) constDoc(tb *glua.LTable, name string) string {
	for _, m := range w.consts[tb] {
		for _, c := range m.Consts {
			if c.Name == name {
				return c.Doc
			}
		}
	}
	return ""
}

func textOf(v glua.LValue) glua.LString {
	s, _ := v.(glua.LString)
	return s
}

// namesIn are the names in a table, sorted, so that of two near misses it is always the same.
func namesIn(tb *glua.LTable) []string {
	var names []string
	for k, _ := tb.Next(glua.LNil); k != glua.LNil; k, _ = tb.Next(k) {
		if name := textOf(k); name != "" {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// metaOf is the metatable of a module, which scripts cannot reach.
func (w *World) metaOf(m *Module, tb *glua.LTable) *glua.LTable {
	if mt, ok := tb.Metatable.(*glua.LTable); ok {
		return mt
	}
	mt := w.seed.CreateTable(0, 4)
	mt.RawSetString("__metatable", glua.LString(m.Name))
	tb.Metatable = mt
	return mt
}
