package lua

import (
	"encoding/binary"
	"fmt"
	"math"

	glua "github.com/yuin/gopher-lua"
)

// A snapshot is Lua functions and copies of everything that they reach, as bytes: one graph, in which what was shared
// is shared. Another world of the same program makes the functions anew from it (Thaw). That is an isolate: what a
// script sees of the memory that fork copies.
//
// Its form, all numbers uvarints, all texts with their length before them:
//
//	magic, chunks {name, source}, objects {kind, what it is}, bodies of those that have one, in the same order,
//	globals {name, value}, roots {value}
const snapshotMagic = "nsh isolate 1\n"

// The kinds of objects.
const (
	objTable    = 't'
	objFunction = 'f' // chunk, number of the prototype; body: environment, cells
	objCell     = 'c' // an upvalue, which functions may share; body: its value
	objPath     = 'p' // path of something of nsh's own; body: what the script has changed in it
	objMethod   = 'm' // type, name of a method
	objMeta     = 'y' // type: the metatable of its records
	objCarried  = 'o' // number: an object that goes by another way
)

// The kinds of values.
const (
	valNil = iota
	valFalse
	valTrue
	valNumber
	valText
	valObject
)

// How much a snapshot may hold.
const (
	maxSnapshot = 64 << 20 // bytes
	maxObjects  = 1 << 20
	maxSlots    = 1 << 22 // of the list parts of tables, those that hold nothing included
)

// A Root is a function to be copied, and what messages call it.
type Root struct {
	Name string
	Fn   Callback
}

// An Uncopied says what cannot be in a snapshot, and by which way it was reached.
type Uncopied struct{ Way, What string }

func (e *Uncopied) Error() string {
	return fmt.Sprintf("%s is %s, and cannot be copied into another Lua world", e.Way, e.What)
}

// Freeze copies functions and everything they reach. It takes the baton.
func (w *World) Freeze(roots ...Root) ([]byte, error) {
	var all []root
	for _, r := range roots {
		all = append(all, root{r.Name, r.Fn.fn})
	}
	return w.freeze(all, &freezer{})
}

// A root is a value from which a graph is walked.
type root struct {
	name string
	v    glua.LValue
}

func (w *World) freeze(roots []root, z *freezer) ([]byte, error) {
	f := w.borrowFlow()
	defer w.returnFlow(f)
	w.baton.take(f.wait)
	defer w.baton.pass()
	z.w, z.ids, z.chunks, z.globals = w, map[any]int{}, map[[2]string]int{}, map[string]bool{}
	return z.freeze(roots)
}

// A freezer walks a graph without recursion, so that no list of a script's is too long for it.
type freezer struct {
	w       *World
	ids     map[any]int // of objects, by identity
	objects []frozen
	chunks  map[[2]string]int
	sources [][2]string
	globals map[string]bool
	heads   []byte
	bodies  []byte
	named   []byte // the globals
	nnamed  int
	slots   int
	carries func(x any) bool // whether an object can go by another way; nil: none can
	carried []any
}

// A frozen is an object on its way: the way by which it was reached is put in words only for an error.
type frozen struct {
	v    any // an LValue, or an *Upvalue
	kind byte
	by   step
}

func (z *freezer) freeze(roots []root) ([]byte, error) {
	var tail []byte
	for _, r := range roots {
		v := r.v
		if v == nil {
			v = glua.LNil
		}
		var err error
		if tail, err = z.value(tail, v, step{kind: byRoot, name: r.name}); err != nil {
			return nil, err
		}
	}
	// Methods of strings are reached by no name.
	if err := z.always("string"); err != nil {
		return nil, err
	}
	for i := 0; i < len(z.objects); i++ {
		if err := z.body(i); err != nil {
			return nil, err
		}
		if len(z.objects) > maxObjects || len(z.bodies) > maxSnapshot || z.slots > maxSlots {
			return nil, &Uncopied{z.way(z.objects[i].by), fmt.Sprintf(
				"more than a snapshot holds (%d MiB, %d tables and functions)", maxSnapshot>>20, maxObjects)}
		}
	}
	out := []byte(snapshotMagic)
	out = binary.AppendUvarint(out, uint64(len(z.sources)))
	for _, c := range z.sources {
		out = appendText(appendText(out, c[0]), c[1])
	}
	out = binary.AppendUvarint(out, uint64(len(z.objects)))
	out = append(append(out, z.heads...), z.bodies...)
	out = append(binary.AppendUvarint(out, uint64(z.nnamed)), z.named...)
	return append(binary.AppendUvarint(out, uint64(len(roots))), tail...), nil
}

// always copies what the script has changed in a table of nsh's own.
func (z *freezer) always(path string) error {
	if v := z.w.find(path); v != nil && z.w.pristine().paths[v] == path {
		_, err := z.object(v, step{kind: byGlobal, name: path, parent: -1})
		return err
	}
	return nil
}

// value appends a value; an object that is new gets a number, and its turn.
func (z *freezer) value(out []byte, v glua.LValue, by step) ([]byte, error) {
	switch x := v.(type) {
	case *glua.LNilType:
		return append(out, valNil), nil
	case glua.LBool:
		if x {
			return append(out, valTrue), nil
		}
		return append(out, valFalse), nil
	case glua.LNumber:
		return binary.LittleEndian.AppendUint64(append(out, valNumber), math.Float64bits(float64(x))), nil
	case glua.LString:
		return appendText(append(out, valText), string(x)), nil
	}
	id, err := z.object(v, by)
	return binary.AppendUvarint(append(out, valObject), uint64(id)), err
}

// object is the number of an object.
func (z *freezer) object(v glua.LValue, by step) (int, error) {
	if id, ok := z.ids[v]; ok {
		return id, nil
	}
	switch x := v.(type) {
	case *glua.LTable:
		if path, ok := z.w.pristine().paths[x]; ok {
			return z.add(x, by, objPath, path), nil
		}
		if by.kind == byMeta {
			if t := z.w.typeOfMeta(x); t != nil {
				return z.add(x, by, objMeta, t.rt.String()), nil
			}
		}
		return z.add(x, by, objTable), nil
	case *glua.LFunction:
		return z.function(x, by)
	case *glua.LUserData:
		if z.carries != nil && z.carries(x.Value) {
			id := z.add(x, by, objCarried)
			z.heads = binary.AppendUvarint(z.heads, uint64(len(z.carried)))
			z.carried = append(z.carried, x.Value)
			return id, nil
		}
	}
	return 0, &Uncopied{z.way(by), what(v)}
}

func (z *freezer) function(fn *glua.LFunction, by step) (int, error) {
	if path, ok := z.w.pristine().paths[fn]; ok {
		return z.add(fn, by, objPath, path), nil
	}
	if b := z.w.bounds[fn]; b != nil && b.typ != nil {
		return z.add(fn, by, objMethod, b.typ.rt.String(), b.decl.Name), nil
	}
	if fn.IsG || fn.Proto == nil {
		return 0, &Uncopied{z.way(by), "a function of nsh's own that belongs to something running (a coroutine, an open file)"}
	}
	at, ok := z.w.origins.of(fn.Proto)
	if !ok {
		return 0, &Uncopied{z.way(by), "a function whose source is not known any more"}
	}
	key := [2]string{at.name, at.source}
	chunk, ok := z.chunks[key]
	if !ok {
		chunk = len(z.sources)
		z.chunks[key] = chunk
		z.sources = append(z.sources, key)
	}
	id := z.add(fn, by, objFunction)
	z.heads = binary.AppendUvarint(binary.AppendUvarint(z.heads, uint64(chunk)), uint64(at.number))
	return id, nil
}

func (z *freezer) add(v any, by step, kind byte, texts ...string) int {
	id := len(z.objects)
	z.ids[v] = id
	z.objects = append(z.objects, frozen{v, kind, by})
	z.heads = append(z.heads, kind)
	for _, t := range texts {
		z.heads = appendText(z.heads, t)
	}
	return id
}

// typeOfMeta is the declared type whose records have this metatable, or nil.
func (w *World) typeOfMeta(mt *glua.LTable) *typeInfo {
	for _, t := range w.types {
		if t.mt == mt && mt != nil {
			return t
		}
	}
	return nil
}

func appendText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}
