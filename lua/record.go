package lua

import (
	"reflect"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// missing answers for a name that a Strict record's table does not have: nil where the declaration has it, else an
// error with the near miss.
func (t *typeInfo) missing(L *glua.LState) int {
	tb, ok := L.Get(1).(*glua.LTable)
	key, isText := L.Get(2).(glua.LString)
	if m := t.methods[string(key)]; m != nil && isText {
		L.Push(m)
		return 1
	}
	if !t.decl.Strict {
		L.Push(glua.LNil)
		return 1
	}
	names := recordNames(t.rt)
	for _, name := range names {
		if isText && name == string(key) {
			L.Push(glua.LNil)
			return 1
		}
	}
	for name := range t.methods {
		names = append(names, name)
	}
	if ok {
		for k, _ := tb.Next(glua.LNil); k != glua.LNil; k, _ = tb.Next(k) {
			if name, isName := k.(glua.LString); isName {
				names = append(names, string(name))
			}
		}
	}
	L.RaiseError("%s has no field %s%s", t.decl.Name, describe(L.Get(2)), meant(string(key), names))
	return 0
}

// recordNames are the names that a struct's tags declare; a map declares none.
func recordNames(rt reflect.Type) []string {
	if rt.Kind() != reflect.Struct {
		return nil
	}
	set, err := compileOptions(rt)
	if err != nil {
		return nil
	}
	return append([]string(nil), set.names...)
}

// printed is what a person sees of a record whose type has a Show. The value is made again from the table: it may have
// been changed, and where it cannot be read any more the table is shown as it is.
func (n *noder) printed(info *typeInfo, tb *glua.LTable, depth int) *show.Node {
	if !info.rt.Implements(reflect.TypeFor[interface{ Show() any }]()) {
		return nil
	}
	conv, err := converterOf(info.rt)
	if err != nil {
		return nil
	}
	v := reflect.New(info.rt).Elem()
	if conv.read(&Env{w: n.w}, tb, v) != nil {
		return nil
	}
	form := v.Interface().(interface{ Show() any }).Show()
	shown, ok := form.(Shown)
	if !ok {
		shown.Value = form
	}
	out := n.node(n.w.toLua(shown.Value), depth)
	if out.Kind == show.String {
		out.Kind = show.Object // words about the value, not a value in quotes
	}
	out.Note = shown.Note
	return &out
}
