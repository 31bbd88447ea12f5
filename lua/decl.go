package lua

import (
	glua "github.com/yuin/gopher-lua"
)

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
