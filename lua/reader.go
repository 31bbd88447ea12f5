package lua

import (
	"reflect"

	glua "github.com/yuin/gopher-lua"
)

// A Reader is the type of an option or parameter that reads itself: *T is one. ReadLua has the baton, so that it may look
// into tables with Items and Field; its error says what is wrong, without the option's name.
type Reader interface {
	ReadLua(env *Env, v Value) error
	LuaName() string // what it is, for messages and the reference
}

var readerType = reflect.TypeFor[Reader]()

func readsItself(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(readerType)
}

func readerName(t reflect.Type) string { return reflect.New(t).Interface().(Reader).LuaName() }

func readerOf(t reflect.Type) *converter {
	return &converter{readerName(t), func(env *Env, v glua.LValue, into reflect.Value) error {
		if err := into.Addr().Interface().(Reader).ReadLua(env, Value{v}); err != nil {
			return &argError{text: err.Error()}
		}
		return nil
	}}
}

// Items are the list part of a table. The caller holds the baton.
func (v Value) Items() []Value {
	tb, ok := v.v.(*glua.LTable)
	if !ok {
		return nil
	}
	out := make([]Value, tb.Len())
	for i := range out {
		out[i] = Value{tb.RawGetInt(i + 1)}
	}
	return out
}

// Field is what a table has under a name. The caller holds the baton.
func (v Value) Field(name string) Value {
	if tb, ok := v.v.(*glua.LTable); ok {
		return Value{tb.RawGetString(name)}
	}
	return Value{}
}
