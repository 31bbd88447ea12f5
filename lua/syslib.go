package lua

import (
	"strings"
	"syscall"

	glua "github.com/yuin/gopher-lua"
)

// openSystem opens os and io. What would end the process, block with the baton or write past the prompt is nsh's own;
// a confined world has no programs and no environment.
func (w *World) openSystem() {
	L := w.seed
	glua.OpenOs(L)
	osMod, ioMod := L.GetGlobal("os").(*glua.LTable), w.openIO()
	osMod.RawSetString("exit", L.NewFunction(w.osExit))
	osMod.RawSetString("clock", L.NewFunction(osClock))
	osMod.RawSetString("setenv", glua.LNil)
	osMod.RawSetString("setlocale", glua.LNil)
	osMod.RawSetString("execute", L.NewFunction(osExecute))
	if w.cfg.Confine {
		w.confine(osMod, ioMod)
	}
}

// osClock is the processor time that nsh has used, in seconds; gopher-lua's is the time that has passed.
func osClock(L *glua.LState) int {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		L.RaiseError("os.clock: %s", err)
	}
	L.Push(glua.LNumber(float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9))
	return 1
}

// confine replaces what a script file from anywhere may not do.
func (w *World) confine(osMod, ioMod *glua.LTable) {
	refuse := func(mod *glua.LTable, full, why string) {
		_, name, _ := strings.Cut(full, ".")
		mod.RawSetString(name, w.seed.NewFunction(func(L *glua.LState) int {
			L.RaiseError("%s: %s; --host lifts that", full, why)
			return 0
		}))
	}
	refuse(osMod, "os.execute", "a script file starts no programs")
	refuse(osMod, "os.getenv", "a script file does not see the environment")
	refuse(ioMod, "io.popen", "a script file starts no programs")
	for _, name := range []string{"os.remove", "os.rename", "os.tmpname"} {
		refuse(osMod, name, "a script file writes nothing")
	}
	refuse(ioMod, "io.tmpfile", "a script file writes nothing")
}

func (w *World) osExit(L *glua.LState) int {
	code := 0
	switch v := L.Get(1).(type) {
	case glua.LNumber:
		code = int(v) & 0xff
	case glua.LBool:
		if !bool(v) {
			code = 1
		}
	case *glua.LNilType:
	default:
		L.RaiseError("os.exit: argument 1 (code): number or boolean expected, got %s", describe(v))
	}
	w.leave(L, &ExitError{Code: code})
	return 0
}
