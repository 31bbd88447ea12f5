package lua

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync/atomic"

	glua "github.com/yuin/gopher-lua"
)

// typeInfo is a declared Type in one world: its metatable, its methods as Lua functions, its fields' getters.
type typeInfo struct {
	w       *World
	decl    *Type
	rt      reflect.Type
	mt      *glua.LTable
	methods map[string]glua.LValue
	fields  map[string]*Field
	names   []string
	byPlace bool // a record whose fields are in its list part, too
}

// identity says whether the same Go pointer is always the same Lua object. Things that have methods have one; rows of
// a long list, which only have fields, do not pay for it.
func (t *typeInfo) identity() bool { return len(t.decl.Methods) > 0 }

// addType registers a declared Type. Its metatable is made at its first value.
func (w *World) addType(mod string, t *Type) {
	rt := reflect.TypeOf(t.Of)
	info := &typeInfo{w: w, decl: t, rt: rt}
	if rt.Kind() == reflect.Struct && rt.NumField() > 0 {
		info.byPlace = rt.Field(0).Tag.Get("place") != ""
	}
	w.types[rt] = info
}

// meta is the type's metatable.
func (w *World) meta(t *typeInfo) *glua.LTable {
	if t.mt != nil {
		return t.mt
	}
	t.methods, t.fields = map[string]glua.LValue{}, map[string]*Field{}
	for i := range t.decl.Methods {
		f := &t.decl.Methods[i]
		t.methods[f.Name] = w.bind(t.decl.Name+":"+f.Name, f, t)
		t.names = append(t.names, f.Name)
	}
	for i := range t.decl.Fields {
		f := &t.decl.Fields[i]
		t.fields[f.Name] = f
		t.names = append(t.names, f.Name)
	}
	sort.Strings(t.names)
	mt := w.seed.CreateTable(0, 8)
	t.mt = mt
	mt.RawSetString("__metatable", glua.LString(t.decl.Name))
	mt.RawSetString("__tostring", w.seed.NewFunction(t.tostring))
	if t.rt.Kind() != reflect.Pointer {
		if t.decl.Strict || len(t.methods) > 0 {
			mt.RawSetString("__index", w.seed.NewFunction(t.missing))
		}
		return mt
	}
	mt.RawSetString("__type", &glua.LUserData{Value: t, Metatable: glua.LNil})
	mt.RawSetString("__index", w.seed.NewFunction(t.index))
	mt.RawSetString("__newindex", w.seed.NewFunction(t.newindex))
	mt.RawSetString("__concat", w.seed.NewFunction(concatObjects))
	mt.RawSetString("__eq", w.seed.NewFunction(func(L *glua.LState) int {
		a, aok := L.Get(1).(*glua.LUserData)
		b, bok := L.Get(2).(*glua.LUserData)
		L.Push(glua.LBool(aok && bok && a.Value == b.Value))
		return 1
	}))
	return mt
}

// infoOf is the declared type of an object, or nil. Its metatable, which scripts cannot reach, carries it.
func infoOf(ud *glua.LUserData) *typeInfo {
	if mt, ok := ud.Metatable.(*glua.LTable); ok && mt != nil {
		if carrier, ok := mt.RawGetString("__type").(*glua.LUserData); ok {
			info, _ := carrier.Value.(*typeInfo)
			return info
		}
	}
	return nil
}

// object is the userdata of a Go pointer.
func (w *World) object(t *typeInfo, x any) glua.LValue {
	if o, ok := x.(Object); ok {
		if ud := o.self().in(w, t, x); ud != nil {
			return ud
		}
	}
	if t.identity() {
		if ud := w.objects.find(x); ud != nil {
			return ud
		}
	}
	ud := &glua.LUserData{Value: x, Metatable: w.meta(t)}
	if t.identity() {
		w.objects.add(x, ud)
	}
	return ud
}

// Self is embedded in Go types of whose values there are very many: such a value holds its own userdata, where the world
// would otherwise have a table, a weak pointer and a cleanup for it. Another world that sees the same value, as an isolate
// may, has it in its table.
type Self struct {
	world atomic.Pointer[World] // the first that has seen it, whose userdata it is
	ud    glua.LUserData
}

func (s *Self) self() *Self { return s }

// An Object is a pointer to a Go type with a Self in it.
type Object interface{ self() *Self }

// in is the userdata in a world, whose baton is held; nil where another world was first.
func (s *Self) in(w *World, t *typeInfo, x any) *glua.LUserData {
	if s.world.CompareAndSwap(nil, w) {
		s.ud.Value, s.ud.Metatable = x, w.meta(t)
	}
	return s.of(w)
}

// of is the userdata in a world that was the first to see the object; or nil.
func (s *Self) of(w *World) *glua.LUserData {
	if s.world.Load() != w {
		return nil
	}
	return &s.ud
}

func (t *typeInfo) index(L *glua.LState) int {
	ud, ok := L.Get(1).(*glua.LUserData)
	key, isText := L.Get(2).(glua.LString)
	if !ok || infoOf(ud) != t {
		L.RaiseError("%s expected, got %s", t.decl.Name, typeName(L.Get(1)))
	}
	if isText {
		if m := t.methods[string(key)]; m != nil {
			L.Push(m)
			return 1
		}
		if f := t.fields[string(key)]; f != nil {
			L.Push(t.get(L, f, ud.Value))
			return 1
		}
	}
	L.RaiseError("%s has no field %s%s", t.decl.Name, describe(L.Get(2)), meant(string(key), t.names))
	return 0
}

func (t *typeInfo) get(L *glua.LState, f *Field, x any) glua.LValue {
	get := reflect.ValueOf(f.Get)
	in := []reflect.Value{reflect.ValueOf(x)}
	if get.Type().NumIn() == 2 { // func(*Env, *T) V
		in = []reflect.Value{reflect.ValueOf(envOf(L)), in[0]}
	}
	return t.w.reflected(get.Call(in)[0])
}

func (t *typeInfo) newindex(L *glua.LState) int {
	L.RaiseError("%s.%s cannot be set", t.decl.Name, strings.Trim(describe(L.Get(2)), `"`))
	return 0
}

func (t *typeInfo) tostring(L *glua.LState) int {
	switch x := L.Get(1).(type) {
	case *glua.LUserData:
		L.Push(glua.LString(t.text(x.Value)))
	default:
		L.Push(glua.LString(fmt.Sprintf("%s: %p", t.decl.Name, x)))
	}
	return 1
}

// text is an object in one line.
func (t *typeInfo) text(x any) string {
	switch s := x.(type) {
	case error:
		return s.Error()
	case fmt.Stringer:
		return s.String()
	}
	return t.decl.Name
}

// concatObjects lets an error be joined to a text, as scripts do in messages.
func concatObjects(L *glua.LState) int {
	L.Push(glua.LString(L.ToStringMeta(L.Get(1)).String() + L.ToStringMeta(L.Get(2)).String()))
	return 1
}
