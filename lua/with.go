package lua

import (
	"context"
	"time"

	glua "github.com/yuin/gopher-lua"
)

func withModule() Module {
	return Module{Funcs: []Func{{Name: "with", Params: "x, f", Returns: "f's results", Call: func(x Value, f Callback) {}, raw: withClose,
		Doc: "Calls f(x) and closes x (:close or :stop) when f ends, however it ends.",
		Example: `local r = with({close = function() print("closed") end}, function(x) return "result" end)  --> closed
print(r)  --> result`}}}
}

func withClose(L *glua.LState) int {
	x, fn, env := L.Get(1), L.Get(2), envOf(L)
	if !callable(L, fn) {
		L.RaiseError("with: argument 2 (f): function expected, got %s", typeName(fn))
	}
	closer := closerOf(L, x)
	if closer == nil {
		L.RaiseError("with: argument 1 (x): something with :close() or :stop() expected, got %s", typeName(x))
	}
	rets, err := env.flow.protect(env, fn, []glua.LValue{x})
	// The closing must happen though the run be cancelled: it gets surroundings of its own, of one second.
	env = envOf(L)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(env.base), time.Second)
	defer cancel()
	_, cerr := env.flow.protect(env.Under(ctx), closer, []glua.LValue{x})
	stopIfDone(L)
	if err != nil {
		panic(err)
	}
	if cerr != nil {
		panic(cerr)
	}
	return push(L, rets)
}

// closerOf is x's method close, or stop, or nil.
func closerOf(L *glua.LState, x glua.LValue) glua.LValue {
	if ud, ok := x.(*glua.LUserData); ok {
		if info := infoOf(ud); info != nil {
			for _, name := range []string{"close", "stop"} {
				if m := info.methods[name]; m != nil {
					return m
				}
			}
		}
		return nil
	}
	if _, ok := x.(*glua.LTable); !ok {
		return nil
	}
	for _, name := range []string{"close", "stop"} {
		if v := L.GetField(x, name); callable(L, v) {
			return v
		}
	}
	return nil
}

func callable(L *glua.LState, v glua.LValue) bool {
	if v.Type() == glua.LTFunction {
		return true
	}
	return L.GetMetaField(v, "__call").Type() == glua.LTFunction
}
