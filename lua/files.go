package lua

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// searchPath is package.path: the script's folder first, then the person's own library, then Lua's.
func (w *World) searchPath() string {
	var dirs []string
	if w.cfg.Script != "" && w.cfg.Script != "-" {
		dirs = append(dirs, filepath.Dir(w.cfg.Script))
	} else {
		dirs = append(dirs, ".")
	}
	if !w.cfg.Confine {
		data := os.Getenv("XDG_DATA_HOME")
		if data == "" {
			data = filepath.Join(os.Getenv("HOME"), ".local/share")
		}
		dirs = append(dirs, filepath.Join(data, "nsh/lib"), "/usr/local/share/lua/5.1", "/usr/share/lua/5.1")
	}
	var parts []string
	for _, d := range dirs {
		parts = append(parts, filepath.Join(d, "?.lua"), filepath.Join(d, "?/init.lua"))
	}
	return strings.Join(parts, ";")
}

var errOutside = errors.New("a script file reads below its own folder only; --host lifts that")

// readable says why a path may not be read, or nil.
func (w *World) readable(path string) error {
	if !w.cfg.Confine {
		return nil
	}
	base, err := filepath.EvalSymlinks(filepath.Dir(w.cfg.Script))
	if err != nil {
		return err
	}
	if base, err = filepath.Abs(base); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if real, err = filepath.Abs(real); err != nil {
		return err
	}
	if rel, err := filepath.Rel(base, real); err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return errOutside
	}
	return nil
}

// readFile reads a source file.
func (w *World) readFile(L *glua.LState, path string) (string, error) {
	f, err := w.open(L, path, os.O_RDONLY)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: plainErr(err)}
	}
	env := envOf(L)
	defer f.close(env)
	text, err := f.readOne(env, glua.LNumber(maxSource+1))
	stopIfDone(L)
	if err == io.EOF {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return text.String(), nil
}

func plainErr(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (w *World) loadfile(L *glua.LState) int {
	path := textArg(L, 1, "loadfile", "path")
	src, err := w.readFile(L, path)
	if err != nil {
		L.Push(glua.LNil)
		L.Push(glua.LString(err.Error()))
		return 2
	}
	return w.pushCompiled(L, path, src)
}

func (w *World) dofile(L *glua.LState) int {
	path := textArg(L, 1, "dofile", "path")
	src, err := w.readFile(L, path)
	if err != nil {
		L.RaiseError("dofile: %s", err)
	}
	fn, err := w.compile(L, path, src)
	if err != nil {
		L.Error(glua.LString(err.Error()), 0)
	}
	top := L.GetTop()
	L.Push(fn)
	L.Call(0, glua.MultRet)
	return L.GetTop() - top
}

// require runs a module's file once and returns what it returned.
func (w *World) require(L *glua.LState) int {
	name := textArg(L, 1, "require", "name")
	if v := w.loader.loaded.RawGetString(name); v != glua.LNil {
		L.Push(v)
		return 1
	}
	if w.loader.pending[name] {
		L.RaiseError("require: '%s' requires itself", name)
	}
	if v := w.seed.G.Global.RawGetString(name); v.Type() == glua.LTTable && name != "_G" { // nsh's own modules and Lua's
		L.Push(v)
		return 1
	}
	fn := w.findModule(L, name)
	w.loader.pending[name] = true
	env := envOf(L)
	rets, err := env.flow.protect(env, fn, []glua.LValue{glua.LString(name)})
	delete(w.loader.pending, name)
	if err != nil {
		panic(err)
	}
	var v glua.LValue = glua.LTrue
	if len(rets) > 0 && rets[0] != glua.LNil {
		v = rets[0]
	}
	w.loader.loaded.RawSetString(name, v)
	L.Push(v)
	return 1
}

func (w *World) findModule(L *glua.LState, name string) glua.LValue {
	pkg, _ := L.GetGlobal("package").(*glua.LTable)
	if pkg == nil {
		L.RaiseError("require: package is gone")
	}
	if pre, ok := pkg.RawGetString("preload").(*glua.LTable); ok {
		if v := pre.RawGetString(name); v != glua.LNil {
			return v
		}
	}
	path, _ := pkg.RawGetString("path").(glua.LString)
	var tried []string
	for _, pattern := range strings.Split(string(path), ";") {
		file := strings.ReplaceAll(pattern, "?", strings.ReplaceAll(name, ".", "/"))
		src, err := w.readFile(L, file)
		if err != nil {
			tried = append(tried, file)
			continue
		}
		fn, err := w.compile(L, file, src)
		if err != nil {
			L.Error(glua.LString(err.Error()), 0)
		}
		return fn
	}
	L.RaiseError("require: no module '%s': none of %s can be read (modules written in C cannot be loaded)", name, strings.Join(tried, ", "))
	return nil
}
