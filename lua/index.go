package lua

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// An Index is the declarations of a set of modules as help, completion and the reference read them.
type Index struct {
	Modules []*Entry
	byPath  map[string]*Entry
	names   map[reflect.Type]string // of the declared types
}

// NewIndex reads declarations. It compiles every signature, so that a wrong declaration is found here and not when a
// script calls it.
func NewIndex(mods []Module) (*Index, error) {
	names := map[reflect.Type]string{}
	x := &Index{byPath: map[string]*Entry{}, names: names}
	all := append(ownModules(), mods...)
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
	x.sort()
	return x, nil
}

func (x *Index) sort() {
	sort.SliceStable(x.Modules, func(i, j int) bool { return x.Modules[i].Name < x.Modules[j].Name })
}

// With is the same Index and one module more, which declares no types. What there is already is not read again.
func (x *Index) With(m Module) (*Index, error) {
	more := &Index{Modules: slices.Clone(x.Modules), byPath: maps.Clone(x.byPath), names: x.names}
	for i, e := range more.Modules {
		if e.Name == m.Name { // which gets more entries, and is somebody else's, too
			own := *e
			own.Entries = slices.Clone(e.Entries)
			more.Modules[i] = &own
			if m.Name != "" {
				more.byPath[m.Name] = &own
			}
		}
	}
	err := more.addModule(&m, x.names)
	more.sort()
	return more, err
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
		if rt.Kind() == reflect.Map {
			if get != nil {
				return fmt.Errorf("%s.%s: a record's field has no Get", t.Name, f.Name)
			}
			if err := x.add(e, &Entry{Path: t.Name + "." + f.Name, Name: f.Name, Kind: "field", Doc: f.Doc, Returns: luaType(rt.Elem(), names)}); err != nil {
				return err
			}
			continue
		}
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
