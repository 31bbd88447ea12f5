package lua

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

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
	Words    func(w *World) []string // what it may be, in one world; or nil
}

// An OptionDoc is one option of a function.
type OptionDoc struct {
	Name, Type, Default, Help string
	Required                  bool
	Enum                      []string
	Words                     func(w *World) []string // more of them, in one world; or nil
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
		e.Params = append(e.Params, ParamDoc{pa.name, luaType(pa.typ, names), pa.optional, f.Words[pa.name]})
		if pa.typ.Kind() == reflect.Struct && pa.typ != valueType && pa.typ != callbackType {
			set, err := compileOptions(pa.typ)
			if err != nil {
				return nil, err
			}
			for _, o := range set.list {
				e.Options = append(e.Options, OptionDoc{o.name, luaType(o.typ, names), o.def, o.help, o.required, o.enum, f.Words[o.name]})
			}
		}
	}
	for name := range f.Words {
		if !slices.ContainsFunc(e.Options, func(o OptionDoc) bool { return o.Name == name }) &&
			!slices.ContainsFunc(e.Params, func(p ParamDoc) bool { return p.Name == name }) {
			return nil, fmt.Errorf("%s: Words are given for '%s', which is no option and no argument", path, name)
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
	case callbackType, closureType:
		return "function"
	case bytesType:
		return "string"
	}
	if n := names[t]; n != "" {
		return n
	}
	if readsItself(t) {
		return readerName(t)
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
