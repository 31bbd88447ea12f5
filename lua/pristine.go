package lua

import (
	"slices"
	"strings"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// pristine is what a world's globals were before any script ran. Another world of the same program has the same, so
// what is still as it was need not be copied: it is named.
type pristine struct {
	paths  map[glua.LValue]string // of tables and functions: "string.format"
	tables map[*glua.LTable]map[glua.LValue]glua.LValue
}

// A noted is a table below the globals as it was in the beginning.
type noted struct {
	tb     *glua.LTable
	path   string // with a dot; the globals have none
	fields []field
}

type field struct{ k, v glua.LValue }

// maxPath bounds how deep below the globals something of nsh's own can be.
const maxPath = 4

// notePristine notes what there is; most scripts have no use for more.
func (w *World) notePristine() {
	notes := noteTables(nil, w.seed.G.Global, "", 0)
	w.pristine = sync.OnceValue(func() *pristine { return newPristine(notes) })
}

func noteTables(notes []noted, tb *glua.LTable, path string, depth int) []noted {
	n := noted{tb: tb, path: path}
	for k, v := tb.Next(glua.LNil); k != glua.LNil; k, v = tb.Next(k) {
		n.fields = append(n.fields, field{k, v})
	}
	notes = append(notes, n)
	if depth == maxPath {
		return notes
	}
	for _, f := range n.fields { // when all of the table's are there: the short names come first
		name, isText := f.k.(glua.LString)
		inner, isTable := f.v.(*glua.LTable)
		if isText && isTable && !slices.ContainsFunc(notes, func(n noted) bool { return n.tb == inner }) {
			notes = noteTables(notes, inner, path+string(name)+".", depth+1)
		}
	}
	return notes
}

func newPristine(notes []noted) *pristine {
	p := &pristine{paths: map[glua.LValue]string{}, tables: map[*glua.LTable]map[glua.LValue]glua.LValue{}}
	for _, n := range notes {
		was := make(map[glua.LValue]glua.LValue, len(n.fields))
		p.tables[n.tb] = was
		for _, f := range n.fields {
			was[f.k] = f.v
			name, isText := f.k.(glua.LString)
			if _, known := p.paths[f.v]; known || !isText {
				continue
			}
			switch f.v.(type) {
			case *glua.LTable, *glua.LFunction:
				p.paths[f.v] = n.path + string(name)
			}
		}
	}
	return p
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
