package lua

import "fmt"

// A FrozenCall is a function and its arguments with copies of everything that they reach, to be called in another world.
type FrozenCall struct {
	Snapshot []byte
	Carried  []any // the objects in it that are not copied: they have to get there by another way
}

// FreezeCall copies a call. Of the objects of Go's that it reaches, those go along for which carries is true. It takes
// the baton.
func (w *World) FreezeCall(name string, fn Callback, args []Value, carries func(x any) bool) (FrozenCall, error) {
	roots := []root{{name, fn.fn}}
	for i, a := range args {
		roots = append(roots, root{fmt.Sprintf("argument %d of %s", i+1, name), a.v})
	}
	z := &freezer{carries: carries}
	snapshot, err := w.freeze(roots, z)
	return FrozenCall{snapshot, z.carried}, err
}

// ThawCall makes a call anew. In place of what Carried has been, there are these objects, in its order. It takes the
// baton.
func (w *World) ThawCall(c FrozenCall) (fn Callback, args []any, err error) {
	vs, env, err := w.thaw(&thawer{in: c.Snapshot, carried: c.Carried})
	if err != nil {
		return fn, nil, err
	}
	if len(vs) == 0 {
		return fn, nil, fmt.Errorf("snapshot: there is no function in it")
	}
	for _, v := range vs[1:] {
		args = append(args, Value{v})
	}
	return Callback{vs[0], env}, args, nil
}
