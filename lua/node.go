package lua

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// maxShown bounds how deep a value is taken apart, and maxItems how wide below the first level.
const (
	maxShown = 8
	maxItems = 200
)

// node takes a value apart for show. The baton is held. Tables that contain themselves end in "…".
func (w *World) node(v glua.LValue, depth int) show.Node {
	return (&noder{w: w, seen: map[*glua.LTable]bool{}}).node(v, depth)
}

type noder struct {
	w    *World
	seen map[*glua.LTable]bool
}

func (n *noder) node(v glua.LValue, depth int) show.Node {
	switch x := v.(type) {
	case nil:
		return show.Node{Kind: show.Nil, Text: "nil"}
	case glua.LBool:
		return show.Node{Kind: show.Bool, Text: x.String()}
	case glua.LNumber:
		return show.Node{Kind: show.Number, Text: formatNumber(float64(x))}
	case glua.LString:
		return show.Node{Kind: show.String, Text: string(x)}
	case *glua.LTable:
		return n.table(x, depth)
	case *glua.LUserData:
		return n.object(x, depth)
	case *glua.LFunction:
		return show.Node{Kind: show.Object, Text: n.w.functionText(x), Type: "function"}
	}
	if v == glua.LNil {
		return show.Node{Kind: show.Nil, Text: "nil"}
	}
	return show.Node{Kind: show.Object, Text: v.String()}
}

func (w *World) functionText(fn *glua.LFunction) string {
	if b := w.bounds[fn]; b != nil {
		return "function " + b.name
	}
	if fn.Proto != nil {
		return fmt.Sprintf("function (%s:%d)", fn.Proto.SourceName, fn.Proto.LineDefined)
	}
	return "function"
}

func (n *noder) table(tb *glua.LTable, depth int) show.Node {
	if n.seen[tb] || depth >= maxShown {
		return show.Node{Kind: show.Object, Text: "{…}"}
	}
	n.seen[tb] = true
	defer delete(n.seen, tb)
	out := show.Node{Kind: show.List}
	info, _ := n.w.declaredRecord(tb)
	if info != nil {
		out.Type = info.decl.Name
	}
	size := tb.Len()
	for i := 1; i <= size && !(info != nil && info.byPlace); i++ { // what is there by place, is there by name, too
		if depth > 0 && i > maxItems {
			out.More = size - maxItems
			break
		}
		out.Items = append(out.Items, n.node(tb.RawGetInt(i), depth+1))
	}
	n.fields(tb, size, depth, &out)
	if info != nil {
		if info.rt.Kind() == reflect.Map && len(out.Items) == 0 {
			out.Kind = show.Record // though it be empty
		}
		out.Print = n.printed(info, tb, depth)
	}
	return out
}

// fields adds what is not in the list part, in the order in which it was put in.
func (n *noder) fields(tb *glua.LTable, size, depth int, out *show.Node) {
	for k, v := tb.Next(glua.LNil); k != glua.LNil; k, v = tb.Next(k) {
		if num, ok := k.(glua.LNumber); ok && float64(num) >= 1 && float64(num) <= float64(size) && num == glua.LNumber(int(num)) {
			continue
		}
		name := Value{k}.String()
		switch k.(type) {
		case glua.LString, glua.LNumber:
		default:
			name = "[" + n.node(k, maxShown).Text + "]"
		}
		if depth > 0 && len(out.Fields) >= maxItems {
			out.More++
			continue
		}
		out.Fields = append(out.Fields, show.Field{Name: name, Value: n.node(v, depth+1)})
	}
	if len(out.Fields) > 0 && len(out.Items) == 0 {
		out.Kind = show.Record
	}
}

// declaredRecord is the declared Type of a table that a bound function returned.
func (w *World) declaredRecord(tb *glua.LTable) (*typeInfo, bool) {
	mt, ok := tb.Metatable.(*glua.LTable)
	if !ok {
		return nil, false
	}
	for _, t := range w.types {
		if t.mt == mt {
			return t, true
		}
	}
	return nil, false
}

// object shows an object: as its Show says, as its text, or by its fields.
func (n *noder) object(ud *glua.LUserData, depth int) show.Node {
	info := infoOf(ud)
	if info == nil {
		return show.Node{Kind: show.Object, Text: "userdata"}
	}
	out := show.Node{Kind: show.Object, Type: info.decl.Name}
	switch x := ud.Value.(type) {
	case interface{ Show() any }:
		form := x.Show()
		if d, ok := form.(Drawing); ok {
			out.Print = d.node(info.decl.Name)
			n.objectFields(info, ud.Value, depth, &out)
			if len(out.Fields) == 0 {
				return *out.Print
			}
			return out
		}
		inner := n.node(n.w.toLua(form), depth)
		if inner.Type == "" {
			inner.Type = info.decl.Name
		}
		return inner
	case error:
		out.Text = x.Error()
	case fmt.Stringer:
		out.Text = x.String()
	default:
		if len(info.decl.Fields) == 0 {
			out.Text = info.decl.Name
			break
		}
		n.objectFields(info, ud.Value, depth, &out)
	}
	return out
}

// objectFields makes a record of an object's fields.
func (n *noder) objectFields(info *typeInfo, x any, depth int, out *show.Node) {
	out.Kind = show.Record
	for i := range info.decl.Fields {
		f := &info.decl.Fields[i]
		if v := n.field(info, f, x); v != glua.LNil {
			out.Fields = append(out.Fields, show.Field{Name: f.Name, Value: n.node(v, depth+1)})
		}
	}
}

func (n *noder) field(info *typeInfo, f *Field, x any) glua.LValue {
	get := reflect.ValueOf(f.Get)
	if get.Type().NumIn() != 1 {
		return glua.LNil
	}
	return n.w.reflected(get.Call([]reflect.Value{reflect.ValueOf(x)})[0])
}

// A Name is something that can follow a path: a global, a field, a method.
type Name struct {
	Name string
	Kind string // its Lua type: "function", "table", "string", …, or "method", "field"
	Doc  string // the first sentence of its declaration
}

// Names lists what scripts can reach after a path of names: none is the globals. It takes the baton, calls nothing of
// Lua's, and lists nothing when the path leads nowhere. It is false when ctx ended before the baton was to be had.
func (w *World) Names(ctx context.Context, path ...string) ([]Name, bool) {
	f := w.borrowFlow()
	if !w.baton.takeUntil(f.wait, ctx.Done()) {
		return nil, false // f keeps its place in the line, so nobody else may have it
	}
	defer w.returnFlow(f)
	defer w.baton.pass()
	var v glua.LValue = w.seed.G.Global
	for _, step := range path {
		v = w.step(v, step)
	}
	return w.namesOf(v), true
}

// step is the value of a field, without metamethods of Lua's.
func (w *World) step(v glua.LValue, name string) glua.LValue {
	switch x := v.(type) {
	case *glua.LTable:
		return x.RawGetString(name)
	case *glua.LUserData:
		if info := infoOf(x); info != nil {
			if f := info.fields[name]; f != nil && reflect.TypeOf(f.Get).NumIn() == 1 {
				return w.reflected(reflect.ValueOf(f.Get).Call([]reflect.Value{reflect.ValueOf(x.Value)})[0])
			}
		}
	case glua.LString:
		return glua.LNil
	}
	return glua.LNil
}

func (w *World) namesOf(v glua.LValue) []Name {
	var out []Name
	switch x := v.(type) {
	case *glua.LTable:
		for k, val := x.Next(glua.LNil); k != glua.LNil; k, val = x.Next(k) {
			if name, ok := k.(glua.LString); ok {
				n := Name{Name: string(name), Kind: typeName(val)}
				if fn, ok := val.(*glua.LFunction); ok && w.bounds[fn] != nil {
					n.Doc = Summary(w.bounds[fn].decl.Doc)
				} else if doc := w.constDoc(x, string(name)); doc != "" {
					n.Doc = Summary(doc)
				}
				out = append(out, n)
			}
		}
	case *glua.LUserData:
		info := infoOf(x)
		if info == nil {
			return nil
		}
		for _, f := range info.decl.Fields {
			out = append(out, Name{f.Name, "field", Summary(f.Doc)})
		}
		for _, m := range info.decl.Methods {
			out = append(out, Name{m.Name, "method", Summary(m.Doc)})
		}
	case glua.LString:
		return w.namesOf(w.seed.GetGlobal("string"))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Summary is the first sentence of a doc.
func Summary(doc string) string {
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i+1]
	}
	if i := strings.IndexByte(doc, '\n'); i >= 0 {
		return doc[:i]
	}
	return doc
}
