package lua

import (
	"context"
	"runtime"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// baseModule declares what nsh adds to, or has instead of, Lua's basic functions.
func baseModule() Module {
	return Module{
		Funcs: []Func{{Name: "print", Params: "...", Call: func(values ...Value) {}, raw: printRaw,
			Doc: "Writes its arguments as a person wants to see them: tables by what is in them, lists of records as aligned tables. With --json each is one JSON line.",
			Example: `print("a", 1, nil)  --> a	1	nil
print({1, 2, 3})  --> {1, 2, 3}`}},
		Types: []Type{fileType(), {Name: "Error", Of: (*Fault)(nil),
			Doc: "What the world said: the second result of a call that failed. tostring(err) reads well.",
			Fields: []Field{
				{Name: "code", Doc: "The errno's name or the protocol's: \"ECONNREFUSED\", \"NXDOMAIN\"; \"ETIMEDOUT\" for a timeout of nsh's own.", Get: func(f *Fault) string { return f.Code }},
				{Name: "op", Doc: "What was tried.", Get: func(f *Fault) string { return f.Op }},
				{Name: "addr", Doc: "Against whom.", Get: func(f *Fault) string { return f.Addr }},
				{Name: "message", Doc: "In words.", Get: func(f *Fault) string { return f.Message }},
				{Name: "partial", Doc: "The bytes read before it went wrong, or nil.", Get: func(f *Fault) []byte { return f.Partial }},
			}}},
	}
}

// openLibs opens Lua's library and puts nsh's own functions in the place of those that would block with the baton, cannot
// be interrupted, or are gopher-lua's inventions.
func (w *World) openLibs() {
	L := w.seed
	glua.OpenBase(L)
	glua.OpenTable(L)
	glua.OpenMath(L)
	w.openNumbers()
	w.openString()
	w.openMore()
	w.openCoroutine()
	w.openLoader()
	w.openSystem()
	for _, name := range []string{"newproxy", "_printregs", "module", "_GOPHER_LUA_VERSION"} {
		L.SetGlobal(name, glua.LNil)
	}
	for name, fn := range map[string]glua.LGFunction{
		"assert": baseAssert, "error": baseError, "pcall": basePcall, "xpcall": baseXpcall, "tostring": baseTostring,
		"collectgarbage": baseCollect, "getmetatable": baseGetmetatable,
	} {
		L.SetGlobal(name, L.NewFunction(fn))
	}
	L.SetTop(0)
}

func printRaw(L *glua.LState) int { return envOf(L).w.print(L) }

func baseTostring(L *glua.LState) int {
	if L.GetTop() == 0 {
		L.RaiseError("tostring: argument 1 (value): value expected, got nothing")
	}
	L.Push(glua.LString(toText(L, L.Get(1))))
	return 1
}

// baseGetmetatable keeps scripts away from the metatables of strings and objects.
func baseGetmetatable(L *glua.LState) int {
	if L.GetTop() == 0 {
		L.RaiseError("getmetatable: argument 1 (value): value expected, got nothing")
	}
	L.Push(L.GetMetatable(L.Get(1)))
	return 1
}

// baseAssert throws its second argument as it is: an error object stays one.
func baseAssert(L *glua.LState) int {
	if L.GetTop() == 0 {
		L.RaiseError("assert: argument 1 (value): value expected, got nothing")
	}
	if L.ToBool(1) {
		return L.GetTop()
	}
	switch v := L.Get(2).(type) {
	case glua.LString:
		L.Error(v, 0)
	case *glua.LNilType:
		L.RaiseError("assertion failed!")
	default:
		L.Error(v, 1)
	}
	return 0
}

// baseError is C Lua's: gopher-lua's takes levels 1 and 2 for the same, and does not throw nil.
func baseError(L *glua.LState) int {
	v, level := L.Get(1), wholeArg(L, 2, "error", "level", 1)
	switch v.Type() {
	case glua.LTString, glua.LTNumber:
		if level > 0 {
			v = glua.LString(at(envOf(L).flow.lineAt(level)) + Value{v}.String())
		}
	}
	L.Error(v, 0)
	return 0
}

func basePcall(L *glua.LState) int {
	if L.GetTop() == 0 {
		L.RaiseError("pcall: argument 1 (f): value expected, got nothing")
	}
	env := envOf(L)
	rets, err := env.flow.protect(env, L.Get(1), args(L, 2))
	if err != nil {
		stopIfDone(L)
		L.Push(glua.LFalse)
		L.Push(err.value)
		return 2
	}
	L.Push(glua.LTrue)
	return 1 + push(L, rets)
}

// baseXpcall calls f(...) and, when it throws, handler(err). The handler runs after the stack has unwound.
func baseXpcall(L *glua.LState) int {
	env := envOf(L)
	if !callable(L, L.Get(2)) {
		L.RaiseError("xpcall: argument 2 (handler): function expected, got %s", typeName(L.Get(2)))
	}
	rets, err := env.flow.protect(env, L.Get(1), args(L, 3))
	if err == nil {
		L.Push(glua.LTrue)
		return 1 + push(L, rets)
	}
	stopIfDone(L)
	rets, herr := env.flow.protect(envOf(L), L.Get(2), []glua.LValue{err.value})
	L.Push(glua.LFalse)
	if herr != nil {
		stopIfDone(L)
		L.Push(herr.value)
		return 2
	}
	L.Push(first(rets))
	return 2
}

func first(vs []glua.LValue) glua.LValue {
	if len(vs) == 0 {
		return glua.LNil
	}
	return vs[0]
}

func baseCollect(L *glua.LState) int {
	opt := "collect"
	if L.Get(1) != glua.LNil {
		opt = textArg(L, 1, "collectgarbage", "option")
	}
	switch opt {
	case "collect", "step":
		env := envOf(L)
		collected := make(chan struct{})
		Go("collectgarbage", nil, func() { runtime.GC(); close(collected) })
		env.flow.block(func() {
			select { // a collection of much that is alive takes its time, whatever becomes of the run
			case <-collected:
			case <-env.Done():
			}
		})
		stopIfDone(L)
		env.w.objects.sweep()
		L.Push(glua.LNumber(0))
	case "count":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		L.Push(glua.LNumber(float64(m.HeapAlloc) / 1024))
	case "stop", "restart", "setpause", "setstepmul":
		L.Push(glua.LNumber(0)) // Go's collector needs no tuning from a script
	default:
		L.RaiseError("collectgarbage: argument 1 (option): %q unknown%s", clip(opt),
			meant(opt, []string{"collect", "count", "step", "stop", "restart"}))
	}
	return 1
}

// A loader finds and compiles chunks: loadstring, dofile, require.
type loader struct {
	loaded  *glua.LTable
	pending map[string]bool
}

func (w *World) openLoader() {
	L := w.seed
	pkg := L.CreateTable(0, 8)
	w.loader.loaded = L.CreateTable(0, 16)
	w.loader.pending = map[string]bool{}
	pkg.RawSetString("loaded", w.loader.loaded)
	pkg.RawSetString("preload", L.CreateTable(0, 4))
	pkg.RawSetString("path", glua.LString(w.searchPath()))
	pkg.RawSetString("cpath", glua.LString(""))
	pkg.RawSetString("config", glua.LString("/\n;\n?\n!\n-\n"))
	L.SetGlobal("package", pkg)
	for name, fn := range map[string]glua.LGFunction{
		"loadstring": w.loadstring, "load": w.load, "loadfile": w.loadfile, "dofile": w.dofile, "require": w.require,
	} {
		L.SetGlobal(name, L.NewFunction(fn))
	}
}

// compile compiles source without the baton, since parsing cannot be interrupted: a cancelled run does not wait for it.
func (w *World) compile(L *glua.LState, name, source string) (*glua.LFunction, error) {
	env := envOf(L)
	var c *Chunk
	var err error
	if len(source) < 4096 {
		c, err = Compile(name, source)
	} else {
		env.flow.block(func() {
			type result struct {
				c   *Chunk
				err error
			}
			done := make(chan result, 1)
			Go("compile", func(err error) { done <- result{err: err} }, func() {
				c, err := Compile(name, source)
				done <- result{c, err}
			})
			select {
			case r := <-done:
				c, err = r.c, r.err
			case <-env.Done():
				err = context.Canceled
			}
		})
		stopIfDone(L)
	}
	if err != nil {
		return nil, err
	}
	w.origins.remember(c)
	return w.seed.NewFunctionFromProto(c.proto), nil
}

func (w *World) pushCompiled(L *glua.LState, name, source string) int {
	fn, err := w.compile(L, name, source)
	if err != nil {
		L.Push(glua.LNil)
		L.Push(glua.LString(err.Error()))
		return 2
	}
	L.Push(fn)
	return 1
}

func (w *World) loadstring(L *glua.LState) int {
	src := textArg(L, 1, "loadstring", "source")
	name := clip(strings.SplitN(src, "\n", 2)[0])
	name = `[string "` + name + `"]`
	if L.Get(2) != glua.LNil {
		name = strings.TrimLeft(textArg(L, 2, "loadstring", "name"), "=@")
	}
	return w.pushCompiled(L, name, src)
}

// load takes pieces from a function, or (as later Luas) a string.
func (w *World) load(L *glua.LState) int {
	if _, ok := L.Get(1).(glua.LString); ok {
		return w.loadstring(L)
	}
	fn, name := checkFunction(L, 1, "load"), "=(load)"
	if L.Get(2) != glua.LNil {
		name = textArg(L, 2, "load", "name")
	}
	b := newBuilder(L, "load")
	for {
		L.Push(fn)
		L.Call(0, 1)
		piece, ok := L.Get(-1).(glua.LString)
		L.Pop(1)
		if !ok || piece == "" {
			break
		}
		b.add(string(piece))
	}
	return w.pushCompiled(L, strings.TrimLeft(name, "=@"), string(b.text()))
}
