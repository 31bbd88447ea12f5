package lua

import (
	"bufio"
	"context"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// openSystem opens os and io. What would end the process, block with the baton or write past the prompt is nsh's own;
// a confined world has no programs, no environment, and reads only.
func (w *World) openSystem() {
	L := w.seed
	glua.OpenOs(L)
	glua.OpenIo(L)
	osMod, ioMod := L.GetGlobal("os").(*glua.LTable), L.GetGlobal("io").(*glua.LTable)
	set := func(mod *glua.LTable, name string, fn glua.LGFunction) { mod.RawSetString(name, L.NewFunction(fn)) }
	set(osMod, "exit", w.osExit)
	osMod.RawSetString("setenv", glua.LNil)
	osMod.RawSetString("setlocale", glua.LNil)
	set(ioMod, "write", func(L *glua.LState) int { return w.ioWrite(L, 1, w.out.write) })
	stdin := &source{fd: 0, r: os.Stdin}
	set(ioMod, "read", func(L *glua.LState) int { return ioRead(L, 1, stdin) })
	set(ioMod, "popen", w.popen)
	set(osMod, "execute", osExecute)
	stdLines := ioMod.RawGetString("lines")
	set(ioMod, "lines", func(L *glua.LState) int {
		if L.GetTop() > 0 {
			if w.cfg.Confine && w.cfg.Files != nil {
				return w.handedLines(L)
			}
			if err := w.readable(textArg(L, 1, "io.lines", "path")); err != nil {
				L.RaiseError("io.lines: %s", err)
			}
			return stdLines.(*glua.LFunction).GFunction(L)
		}
		return readLines(L, stdin)
	})
	ioMod.RawSetString("stdin", w.file("file (stdin)", func(methods *glua.LTable) { readMethods(w, methods, stdin) }))
	ioMod.RawSetString("stdout", w.stream("stdout", w.out.write))
	ioMod.RawSetString("stderr", w.stream("stderr", w.errout.write))
	if w.cfg.Confine {
		w.confine(osMod, ioMod)
	}
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
	refuse(ioMod, "io.output", "a script file writes nothing")
	refuse(ioMod, "io.input", "use io.open")
	if w.cfg.Files != nil {
		ioMod.RawSetString("open", w.seed.NewFunction(w.handedOpen))
		return
	}
	open := ioMod.RawGetString("open").(*glua.LFunction)
	ioMod.RawSetString("open", w.seed.NewFunction(func(L *glua.LState) int {
		path, mode := textArg(L, 1, "io.open", "path"), "r"
		if L.Get(2) != glua.LNil {
			mode = textArg(L, 2, "io.open", "mode")
		}
		if strings.ContainsAny(mode, "wa+") {
			return pushFault(L, &Fault{Code: "EACCES", Op: "open", Addr: path, Message: "a script file writes nothing; --host lifts that"})
		}
		if err := w.readable(path); err != nil {
			return pushFault(L, &Fault{Code: "EACCES", Op: "open", Addr: path, Message: plainErr(err).Error()})
		}
		return open.GFunction(L)
	}))
}

// stream is io.stdout or io.stderr.
func (w *World) stream(name string, write func(string) error) *glua.LTable {
	return w.file("file ("+name+")", func(methods *glua.LTable) {
		methods.RawSetString("write", w.seed.NewFunction(func(L *glua.LState) int {
			w.ioWrite(L, 2, write)
			L.Push(L.Get(1))
			return 1
		}))
	})
}

// file is something with the methods of a file. Closing it does nothing, unless add puts in a close that does.
func (w *World) file(name string, add func(methods *glua.LTable)) *glua.LTable {
	L := w.seed
	tb, methods := L.NewTable(), L.NewTable()
	for _, m := range []string{"flush", "close", "setvbuf"} {
		methods.RawSetString(m, L.NewFunction(func(L *glua.LState) int { L.Push(glua.LTrue); return 1 }))
	}
	add(methods)
	mt := L.NewTable()
	mt.RawSetString("__index", methods)
	mt.RawSetString("__metatable", glua.LString("file"))
	mt.RawSetString("__tostring", L.NewFunction(func(L *glua.LState) int { L.Push(glua.LString(name)); return 1 }))
	tb.Metatable = mt
	return tb
}

func (w *World) ioWrite(L *glua.LState, from int, write func(string) error) int {
	raw := w.style().Raw
	for i := from; i <= L.GetTop(); i++ {
		s := textArg(L, i, "io.write", "value")
		if !raw {
			s = show.EscapeLines(s)
		}
		if write(s) != nil {
			w.leave(L, &ExitError{Code: 1})
		}
	}
	L.Push(glua.LTrue)
	return 1
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

// ioRead reads without the baton; a cancelled run stops waiting. Formats are "*l" (the usual),
// "*L", "*n", "*a" and a number of bytes, as in Lua.
func ioRead(L *glua.LState, from int, src *source) int {
	env := envOf(L)
	formats := args(L, from)
	if len(formats) == 0 {
		formats = []glua.LValue{glua.LString("*l")}
	}
	for _, f := range formats {
		var text string
		var ok bool
		want := 0
		mode := byte('l')
		switch v := f.(type) {
		case glua.LNumber:
			mode, want = 'c', int(v)
		case glua.LString:
			s := strings.TrimPrefix(string(v), "*")
			if s == "" || !strings.ContainsAny(s[:1], "lLna") {
				L.RaiseError("io.read: format %s unknown; it is \"*l\", \"*L\", \"*n\", \"*a\" or a number", describe(v))
			}
			mode = s[0]
		default:
			L.RaiseError("io.read: format expected, got %s", describe(v))
		}
		env.flow.block(func() { text, ok = src.read(env, mode, want) })
		stopIfDone(L)
		switch n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); {
		case !ok:
			L.Push(glua.LNil)
		case mode == 'n' && err != nil:
			L.Push(glua.LNil)
		case mode == 'n':
			L.Push(glua.LNumber(n))
		default:
			L.Push(glua.LString(text))
		}
	}
	return len(formats)
}

// readMethods are read and lines.
func readMethods(w *World, methods *glua.LTable, src *source) {
	methods.RawSetString("read", w.seed.NewFunction(func(L *glua.LState) int { return ioRead(L, 2, src) }))
	methods.RawSetString("lines", w.seed.NewFunction(func(L *glua.LState) int { return readLines(L, src) }))
}

func readLines(L *glua.LState, src *source) int {
	L.Push(L.NewFunction(func(L *glua.LState) int { L.SetTop(0); return ioRead(L, 1, src) }))
	return 1
}

// A source is a descriptor to read from.
type source struct {
	fd int
	r  io.Reader // of the descriptor, maybe buffered
}

// read takes byte by byte, so that nothing is taken that another reader should have.
func (s *source) read(ctx context.Context, mode byte, want int) (string, bool) {
	var b []byte
	one := make([]byte, 1)
	for len(b) < maxString {
		if mode == 'c' && len(b) >= want {
			return string(b), true
		}
		if !s.ready(ctx) {
			return "", false
		}
		n, err := s.r.Read(one)
		if n == 0 || err != nil {
			return string(b), mode == 'a' || len(b) > 0
		}
		switch {
		case one[0] == '\n' && mode == 'l':
			return string(b), true
		case one[0] == '\n' && mode == 'L':
			return string(append(b, '\n')), true
		case mode == 'n' && (one[0] <= ' ') && len(b) > 0:
			return string(b), true
		}
		b = append(b, one[0])
	}
	return string(b), true
}

// ready waits until a read would not block.
func (s *source) ready(ctx context.Context) bool {
	if b, ok := s.r.(*bufio.Reader); ok && b.Buffered() > 0 {
		return true
	}
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if n, err := unix.Poll(fds, 100); n > 0 || err != nil && err != unix.EINTR {
			return true
		}
	}
	return false
}
