package lua

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// Thaw makes the functions of a snapshot anew, with everything they reach, in the order in which they were given to
// Freeze. It takes the baton. The bytes may be anybody's: what is wrong with them is an error.
func (w *World) Thaw(snapshot []byte) (fns []Callback, err error) {
	values, env, err := w.thaw(&thawer{in: snapshot})
	for _, v := range values {
		fns = append(fns, Callback{v, env})
	}
	return fns, err
}

func (w *World) thaw(t *thawer) (values []glua.LValue, env *Env, err error) {
	f := w.borrowFlow()
	defer w.returnFlow(f)
	w.baton.take(f.wait)
	defer w.baton.pass()
	env = &Env{base: w.root.ctx, done: w.root.ctx.Done(), w: w, scope: w.root, place: w.cfg.Place, strand: &strand{}}
	t.w = w
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(badSnapshot)
			if !ok {
				panic(r)
			}
			values, err = nil, bad.err
		}
	}()
	return t.thaw(), env, nil
}

// badSnapshot is what a thawer throws.
type badSnapshot struct{ err error }

type thawer struct {
	w       *World
	in      []byte
	protos  [][]*glua.FunctionProto // of each chunk
	objects []thawed
	slots   int
	carried []any
}

// A thawed is an object that is made, and filled later.
type thawed struct {
	kind byte
	v    glua.LValue
	cell *glua.Upvalue
}

func (t *thawer) fail(format string, args ...any) {
	panic(badSnapshot{fmt.Errorf("snapshot: "+format, args...)})
}

func (t *thawer) thaw() []glua.LValue {
	if !strings.HasPrefix(string(t.in[:min(len(t.in), len(snapshotMagic))]), snapshotMagic) {
		t.fail("this is none")
	}
	t.in = t.in[len(snapshotMagic):]
	for range t.count() {
		name := t.text()
		c, err := t.w.known(name, t.text())
		if err != nil {
			t.fail("%w", err)
		}
		t.protos = append(t.protos, protosOf(c.proto))
	}
	n := t.count()
	for range n {
		t.objects = append(t.objects, t.make())
	}
	for i := range t.objects {
		t.fill(&t.objects[i])
	}
	for range t.count() {
		name := t.text()
		t.w.seed.G.Global.RawSetString(name, t.value())
	}
	roots := make([]glua.LValue, 0, 8)
	for range t.count() {
		roots = append(roots, t.value())
	}
	if len(t.in) > 0 {
		t.fail("%d bytes too many", len(t.in))
	}
	return roots
}

// make makes an object that is empty still, so that others can refer to it.
func (t *thawer) make() thawed {
	switch kind := t.byte(); kind {
	case objTable:
		return thawed{kind: kind, v: t.w.seed.CreateTable(0, 4)}
	case objCell:
		return thawed{kind: kind, cell: &glua.Upvalue{}}
	case objFunction:
		chunk, number := t.number(), t.number()
		if chunk >= uint64(len(t.protos)) || number >= uint64(len(t.protos[chunk])) {
			t.fail("function %d of chunk %d is not there", number, chunk)
		}
		return thawed{kind: kind, v: t.w.seed.NewFunctionFromProto(t.protos[chunk][number])}
	case objPath:
		path := t.text()
		v := t.w.find(path)
		if v == nil {
			t.fail("there is no %s here", clip(path))
		}
		return thawed{kind: kind, v: v}
	case objMethod:
		info := t.typ(t.text())
		t.w.meta(info)
		name := t.text()
		if info.methods[name] == nil {
			t.fail("%s has no method %s", info.decl.Name, clip(name))
		}
		return thawed{kind: kind, v: info.methods[name]}
	case objMeta:
		return thawed{kind: kind, v: t.w.meta(t.typ(t.text()))}
	case objCarried:
		n := t.number()
		if n >= uint64(len(t.carried)) {
			t.fail("object %d has not come", n)
		}
		return thawed{kind: kind, v: t.w.toLua(t.carried[n])}
	default:
		t.fail("objects of the kind %d are not known", kind)
	}
	return thawed{}
}

func (t *thawer) typ(name string) *typeInfo {
	for rt, info := range t.w.types {
		if rt.String() == name {
			return info
		}
	}
	t.fail("there is no type %s here", clip(name))
	return nil
}

func (t *thawer) fill(o *thawed) {
	switch o.kind {
	case objCell:
		o.cell.SetValue(t.value())
	case objTable:
		tb := o.v.(*glua.LTable)
		switch meta := t.value().(type) {
		case *glua.LNilType:
		case *glua.LTable:
			tb.Metatable = meta
		default:
			t.fail("a metatable is a %s", meta.Type())
		}
		t.pairs(tb)
	case objPath:
		tb, _ := o.v.(*glua.LTable)
		t.pairs(tb)
	case objFunction:
		t.closure(o.v.(*glua.LFunction))
	}
}

// pairs fills a table; nil, for something that is none, has none.
func (t *thawer) pairs(tb *glua.LTable) {
	last := 0
	for range t.count() {
		k := t.value()
		if n, ok := k.(glua.LNumber); k == glua.LNil || ok && math.IsNaN(float64(n)) || tb == nil {
			t.fail("a key is %s", k)
		}
		// Before the table grows to it: a place far away is a list of that length.
		if at := listSlot(k); at > last {
			t.slots += at - last
			last = at
			if t.slots > maxSlots {
				t.fail("its lists are too long")
			}
		}
		tb.RawSet(k, t.value())
	}
}

func (t *thawer) closure(fn *glua.LFunction) {
	switch env := t.value().(type) {
	case *glua.LNilType:
	case *glua.LTable:
		fn.Env = env
	default:
		t.fail("an environment is a %s", env.Type())
	}
	if n := t.number(); n != uint64(len(fn.Upvalues)) {
		t.fail("a function has %d upvalues, and %d are there", len(fn.Upvalues), n)
	}
	for i := range fn.Upvalues {
		id := t.number()
		if id >= uint64(len(t.objects)) || t.objects[id].cell == nil {
			t.fail("upvalue %d is not there", id)
		}
		fn.Upvalues[i] = t.objects[id].cell
	}
}

func (t *thawer) value() glua.LValue {
	switch tag := t.byte(); tag {
	case valNil:
		return glua.LNil
	case valFalse:
		return glua.LFalse
	case valTrue:
		return glua.LTrue
	case valNumber:
		if len(t.in) < 8 {
			t.fail("it ends too soon")
		}
		n := math.Float64frombits(binary.LittleEndian.Uint64(t.in))
		t.in = t.in[8:]
		return glua.LNumber(n)
	case valText:
		return glua.LString(t.text())
	case valObject:
		id := t.number()
		if id >= uint64(len(t.objects)) || t.objects[id].v == nil {
			t.fail("object %d is not there", id)
		}
		return t.objects[id].v
	default:
		t.fail("values of the kind %d are not known", tag)
	}
	return glua.LNil
}
