package lua

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// An Index is the declarations of a set of modules as help, completion and the reference read them.
type Index struct {
	Modules []*Entry
	byPath  map[string]*Entry
}

// An Entry describes a module, function, type, method, field or constant.
type Entry struct {
	Path      string // "server.start", "Server:stop", "Server.addr", "Server"
	Name      string
	Kind      string // "module", "function", "type", "method", "field", "constant"
	Signature string // "server.start{model, addr, …}", "conn:recv([n])"
	Params    []ParamDoc
	Options   []OptionDoc
	Returns   string
	Type      string // of a constant
	Doc       string
	Example   string
	Entries   []*Entry // of a module or type
}

// A ParamDoc is one argument of a function.
type ParamDoc struct {
	Name     string
	Type     string
	Optional bool
}

// An OptionDoc is one option of a function.
type OptionDoc struct {
	Name, Type, Default, Help string
	Required                  bool
	Enum                      []string
}

// NewIndex reads declarations. It compiles every signature, so that a wrong declaration is found here and not when a
// script calls it.
func NewIndex(mods []Module) (*Index, error) {
	x := &Index{byPath: map[string]*Entry{}}
	all := append(ownModules(), mods...)
	names := map[reflect.Type]string{}
	for _, m := range all {
		for _, t := range m.Types {
			names[reflect.TypeOf(t.Of)] = t.Name
		}
	}
	for i := range all {
		if err := x.addModule(&all[i], names); err != nil {
			return nil, err
		}
	}
	sort.SliceStable(x.Modules, func(i, j int) bool { return x.Modules[i].Name < x.Modules[j].Name })
	return x, nil
}

func (x *Index) addModule(m *Module, names map[reflect.Type]string) error {
	var mod *Entry
	for _, e := range x.Modules {
		if e.Name == m.Name {
			mod = e
		}
	}
	if mod == nil {
		mod = &Entry{Path: m.Name, Name: m.Name, Kind: "module", Doc: m.Doc}
		x.Modules = append(x.Modules, mod)
		if m.Name != "" {
			x.byPath[m.Name] = mod
		}
	}
	prefix := ""
	if m.Name != "" {
		prefix = m.Name + "."
	}
	for i := range m.Funcs {
		path := prefix + m.Funcs[i].Name
		if m.Funcs[i].Name == "" {
			path = m.Name
		}
		e, err := functionEntry(path, &m.Funcs[i], nil, names)
		if err != nil {
			return err
		}
		if err := x.add(mod, e); err != nil {
			return err
		}
	}
	for i := range m.Consts {
		if err := x.add(mod, m.Consts[i].entry(prefix, names)); err != nil {
			return err
		}
	}
	for i := range m.Types {
		if err := x.addType(mod, &m.Types[i], names); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) add(parent, e *Entry) error {
	if e.Doc == "" {
		return fmt.Errorf("%s has no Doc", e.Path)
	}
	if old := x.byPath[e.Path]; old != nil && old.Kind != "module" {
		return fmt.Errorf("%s is declared twice", e.Path)
	}
	x.byPath[e.Path] = e
	parent.Entries = append(parent.Entries, e)
	return nil
}

func (x *Index) addType(mod *Entry, t *Type, names map[reflect.Type]string) error {
	e := &Entry{Path: t.Name, Name: t.Name, Kind: "type", Doc: t.Doc}
	if err := x.add(mod, e); err != nil {
		return err
	}
	rt := reflect.TypeOf(t.Of)
	if rt.Kind() == reflect.Struct {
		recordEntries(e, rt, names)
	}
	for _, f := range t.Fields {
		get := reflect.TypeOf(f.Get)
		if get == nil || get.Kind() != reflect.Func || get.NumOut() != 1 || get.In(get.NumIn()-1) != rt {
			return fmt.Errorf("%s.%s: Get must be a func(%s) V", t.Name, f.Name, rt)
		}
		if err := x.add(e, &Entry{Path: t.Name + "." + f.Name, Name: f.Name, Kind: "field", Doc: f.Doc, Returns: luaType(get.Out(0), names)}); err != nil {
			return err
		}
	}
	for i := range t.Methods {
		m, err := functionEntry(t.Name+":"+t.Methods[i].Name, &t.Methods[i], rt, names)
		if err != nil {
			return err
		}
		if err := x.add(e, m); err != nil {
			return err
		}
	}
	return nil
}

// recordEntries describes the fields of a plain record from its tags.
func recordEntries(e *Entry, rt reflect.Type, names map[reflect.Type]string) {
	for i := 0; i < rt.NumField(); i++ {
		f := rt.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("lua"), ",")
		if flags == "list" {
			name = "[i]"
		}
		if name == "" || name == "-" {
			continue
		}
		e.Entries = append(e.Entries, &Entry{Path: e.Name + "." + name, Name: name, Kind: "field", Doc: f.Tag.Get("help"), Returns: luaType(f.Type, names)})
	}
}

func functionEntry(path string, f *Func, self reflect.Type, names map[reflect.Type]string) (*Entry, error) {
	p, err := compile(f, self)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	e := &Entry{Path: path, Name: f.Name, Kind: "function", Doc: f.Doc, Example: f.Example, Returns: f.Returns}
	if self != nil {
		e.Kind = "method"
	}
	for _, pa := range p.params {
		e.Params = append(e.Params, ParamDoc{pa.name, luaType(pa.typ, names), pa.optional})
		if pa.typ.Kind() == reflect.Struct && pa.typ != valueType && pa.typ != callbackType {
			set, err := compileOptions(pa.typ)
			if err != nil {
				return nil, err
			}
			for _, o := range set.list {
				e.Options = append(e.Options, OptionDoc{o.name, luaType(o.typ, names), o.def, o.help, o.required, o.enum})
			}
		}
	}
	e.Signature = signature(path, f.Params, p)
	if e.Returns == "" {
		e.Returns = resultDoc(p, names)
	}
	return e, nil
}

// signature is how a call looks: with braces when an options table is all it takes.
func signature(path, params string, p *plan) string {
	if len(p.params) == 1 && len(paramNames(params)) == 1 {
		if t := p.params[0].typ; t.Kind() == reflect.Struct && t != valueType && t != callbackType {
			return path + "{…}"
		}
	}
	var parts []string
	for _, pa := range p.params {
		switch t := pa.typ; {
		case t.Kind() == reflect.Struct && t != valueType && t != callbackType:
			parts = append(parts, "{…}")
		case pa.optional && pa.name != "...":
			parts = append(parts, "["+pa.name+"]")
		default:
			parts = append(parts, pa.name)
		}
	}
	return path + "(" + strings.Join(parts, ", ") + ")"
}

func resultDoc(p *plan, names map[reflect.Type]string) string {
	var parts []string
	for i := 0; i < p.outs; i++ {
		parts = append(parts, luaType(p.fn.Type().Out(i), names))
	}
	s := strings.Join(parts, ", ")
	switch {
	case p.hasErr && s == "":
		return "true | nil, err"
	case p.hasErr:
		return s + " | nil, err"
	}
	return s
}

// luaType is a Go type as scripts see it.
func luaType(t reflect.Type, names map[reflect.Type]string) string {
	switch t {
	case durationType:
		return "seconds"
	case valueType:
		return "value"
	case callbackType:
		return "function"
	case bytesType:
		return "string"
	}
	if n := names[t]; n != "" {
		return n
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Struct:
		return "table"
	case reflect.Slice, reflect.Array:
		return "list of " + luaType(t.Elem(), names)
	case reflect.Map:
		return "table"
	case reflect.Pointer:
		return luaType(t.Elem(), names)
	case reflect.Interface:
		return objectName(t)
	}
	return "number"
}

// Find is the entry of a path, "server.start" or "Server:stop" (also "Server.stop"), or nil.
func (x *Index) Find(path string) *Entry {
	if e := x.byPath[path]; e != nil {
		return e
	}
	return x.byPath[strings.Replace(path, ".", ":", 1)]
}

// Paths lists every path there is, sorted.
func (x *Index) Paths() []string {
	var out []string
	for p := range x.byPath {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}

// Meant is the path that was probably meant, or "".
func (x *Index) Meant(path string) string { return nearest(path, x.Paths()) }

// Decl is the path of the declaration behind a value: a bound function, a module's table, an object's type; "" for
// what a script made. It takes the baton.
func (w *World) Decl(v Value) string {
	f := w.borrowFlow()
	defer w.returnFlow(f)
	w.baton.take(f.wait)
	defer w.baton.pass()
	return w.DeclHeld(v)
}

// DeclHeld is Decl for a caller that holds the baton.
func (w *World) DeclHeld(v Value) string {
	switch x := v.v.(type) {
	case *glua.LFunction:
		if b := w.bounds[x]; b != nil {
			return b.name
		}
	case *glua.LUserData:
		if info := infoOf(x); info != nil {
			return info.decl.Name
		}
	case *glua.LTable:
		if info, ok := w.declaredRecord(x); ok {
			return info.decl.Name
		}
		for i := range w.cfg.Modules {
			if name := w.cfg.Modules[i].Name; name != "" && w.seed.G.Global.RawGetString(name) == glua.LValue(x) {
				return name
			}
		}
		if w.seed.G.Global.RawGetString("fiber") == glua.LValue(x) {
			return "fiber"
		}
	}
	return ""
}
