package lua

import (
	"encoding/binary"

	glua "github.com/yuin/gopher-lua"
)

// body appends what an object holds, and so finds what it reaches.
func (z *freezer) body(i int) error {
	switch x := z.objects[i].v.(type) {
	case *glua.Upvalue:
		return z.put(x.Value(), step{kind: byCell, parent: i})
	case *glua.LTable:
		switch z.objects[i].kind {
		case objPath:
			return z.changes(i, x)
		case objTable:
			return z.table(i, x)
		}
	case *glua.LFunction:
		switch z.objects[i].kind {
		case objFunction:
			return z.closure(i, x)
		case objPath:
			z.bodies = binary.AppendUvarint(z.bodies, 0)
			if x == z.w.find("require") { // it looks into what is loaded
				return z.always("package.loaded")
			}
		}
	}
	return nil
}

// put appends a value to the bodies.
func (z *freezer) put(v glua.LValue, by step) (err error) {
	z.bodies, err = z.value(z.bodies, v, by)
	return err
}

func (z *freezer) table(i int, tb *glua.LTable) error {
	meta := tb.Metatable
	if meta == nil {
		meta = glua.LNil
	}
	if err := z.put(meta, step{kind: byMeta, parent: i}); err != nil {
		return err
	}
	n := 0
	for k, _ := tb.Next(glua.LNil); k != glua.LNil; k, _ = tb.Next(k) {
		n++
	}
	z.bodies = binary.AppendUvarint(z.bodies, uint64(n))
	last := 0
	for k, v := tb.Next(glua.LNil); k != glua.LNil; k, v = tb.Next(k) {
		if at := listSlot(k); at > last {
			last = at
		}
		if err := z.pair(i, k, v); err != nil {
			return err
		}
	}
	z.slots += last
	return nil
}

func (z *freezer) pair(i int, k, v glua.LValue) error {
	if err := z.put(k, step{kind: byKey, parent: i}); err != nil {
		return err
	}
	return z.put(v, step{kind: byField, parent: i, key: k})
}

// changes are those of a table of nsh's own. The globals have none: of them, what a function names is copied.
func (z *freezer) changes(i int, tb *glua.LTable) error {
	if tb == z.w.seed.G.Global {
		z.bodies = binary.AppendUvarint(z.bodies, 0)
		return nil
	}
	keys, values := z.w.pristine().changed(tb)
	z.bodies = binary.AppendUvarint(z.bodies, uint64(len(keys)))
	for j, k := range keys {
		if err := z.pair(i, k, values[j]); err != nil {
			return err
		}
	}
	return nil
}

func (z *freezer) closure(i int, fn *glua.LFunction) error {
	global := z.w.seed.G.Global
	env := glua.LValue(glua.LNil)
	if fn.Env != global && fn.Env != nil {
		env = fn.Env
	}
	if err := z.put(env, step{kind: byEnv, parent: i}); err != nil {
		return err
	}
	z.bodies = binary.AppendUvarint(z.bodies, uint64(len(fn.Upvalues)))
	for n, uv := range fn.Upvalues {
		id, ok := z.ids[uv]
		if !ok {
			name := "?"
			if n < len(fn.Proto.DbgUpvalues) {
				name = fn.Proto.DbgUpvalues[n]
			}
			id = z.add(uv, step{kind: byUpvalue, parent: i, name: name}, objCell)
		}
		z.bodies = binary.AppendUvarint(z.bodies, uint64(id))
	}
	if env != glua.LNil {
		return nil
	}
	for _, name := range globalsNamed(fn.Proto) {
		if err := z.global(i, name); err != nil {
			return err
		}
	}
	return nil
}

// global copies a global that a function names, unless it is as it was in the beginning.
func (z *freezer) global(i int, name string) error {
	if z.globals[name] {
		return nil
	}
	z.globals[name] = true
	v, by := z.w.seed.G.Global.RawGetString(name), step{kind: byGlobal, parent: i, name: name}
	before, was := z.w.pristine().tables[z.w.seed.G.Global][glua.LString(name)]
	if v == before || !was && v == glua.LNil {
		switch v.(type) {
		case *glua.LTable, *glua.LFunction: // what the script has changed in it
			_, err := z.object(v, by)
			return err
		}
		return nil
	}
	var err error
	z.nnamed++
	z.named, err = z.value(appendText(z.named, name), v, by)
	return err
}

// listSlot is the place of a key in the list part of a table, or 0: there gopher-lua keeps whole numbers, however far
// apart.
func listSlot(k glua.LValue) int {
	n, ok := k.(glua.LNumber)
	if ok && n >= 1 && n < glua.LNumber(glua.MaxArrayIndex) && n == glua.LNumber(int(n)) {
		return int(n)
	}
	return 0
}
