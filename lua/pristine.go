package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// pristine is what a world's globals were before any script ran. Another world of the same program has the same, so
// what is still as it was need not be copied: it is named.
type pristine struct {
	paths  map[glua.LValue]string // of tables and functions: "string.format"
	tables map[*glua.LTable]map[glua.LValue]glua.LValue
}

// maxPath bounds how deep below the globals something of nsh's own can be.
const maxPath = 4

func (w *World) notePristine() {
	p := &pristine{paths: map[glua.LValue]string{}, tables: map[*glua.LTable]map[glua.LValue]glua.LValue{}}
	p.note(w.seed.G.Global, "", 0)
	w.pristine = p
}

func (p *pristine) note(tb *glua.LTable, prefix string, depth int) {
	was := map[glua.LValue]glua.LValue{}
	p.tables[tb] = was
	var inner []string
	for k, v := tb.Next(glua.LNil); k != glua.LNil; k, v = tb.Next(k) {
		was[k] = v
		name, ok := k.(glua.LString)
		if !ok {
			continue
		}
		switch v.(type) {
		case *glua.LTable, *glua.LFunction:
			if _, known := p.paths[v]; known {
				continue
			}
			p.paths[v] = prefix + string(name)
			if _, ok := v.(*glua.LTable); ok && depth < maxPath {
				inner = append(inner, string(name))
			}
		}
	}
	for _, name := range inner { // the short names first
		next := tb.RawGetString(name).(*glua.LTable)
		if p.tables[next] == nil {
			p.note(next, prefix+name+".", depth+1)
		}
	}
}

// find is what a path leads to in this world, or nil.
func (w *World) find(path string) glua.LValue {
	var v glua.LValue = w.seed.G.Global
	for _, name := range strings.Split(path, ".") {
		tb, ok := v.(*glua.LTable)
		if !ok {
			return nil
		}
		v = tb.RawGetString(name)
	}
	switch v.(type) {
	case *glua.LTable, *glua.LFunction:
		return v
	}
	return nil
}

// changed lists the keys of a pristine table whose values are others now, with these (nil: gone), in the table's order.
func (p *pristine) changed(tb *glua.LTable) (keys, values []glua.LValue) {
	was := p.tables[tb]
	for k, v := tb.Next(glua.LNil); k != glua.LNil; k, v = tb.Next(k) {
		if before, ok := was[k]; !ok || before != v {
			keys, values = append(keys, k), append(values, v)
		}
	}
	for k := range was {
		if tb.RawGet(k) == glua.LNil {
			keys, values = append(keys, k), append(values, glua.LNil)
		}
	}
	return keys, values
}
