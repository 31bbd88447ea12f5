package lua

import (
	"os"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// openIO is Lua's io, on nsh's own Files.
func (w *World) openIO() *glua.LTable {
	L := w.seed
	mod := L.CreateTable(0, 16)
	L.SetGlobal("io", mod)
	std := map[string]*File{
		"stdin":  {name: "stdin", f: os.Stdin, plain: isPlain(os.Stdin)},
		"stdout": {name: "stdout", out: func(s string) error { return w.out.write(w.safe(s)) }},
		"stderr": {name: "stderr", out: func(s string) error { return w.errout.write(w.safe(s)) }},
	}
	in := std["stdin"]
	in.in = newFileReader(os.Stdin, in.plain, !w.cfg.Shared || isTerminal(os.Stdin)) // a terminal gives one line at a time
	w.input, w.output = in, std["stdout"]
	w.stdFiles = std
	for name, fn := range map[string]glua.LGFunction{
		"open": w.ioOpen, "lines": w.ioLines, "read": w.ioRead, "write": w.ioWrite, "close": w.ioClose,
		"input": w.ioInput, "output": w.ioOutput, "type": ioType, "tmpfile": w.ioTmpfile, "popen": w.popen, "flush": ioFlush,
	} {
		mod.RawSetString(name, L.NewFunction(fn))
	}
	return mod
}

// openStdFiles puts the three standard files into io, once the type File is declared.
func (w *World) openStdFiles() {
	mod := w.seed.GetGlobal("io").(*glua.LTable)
	for name, f := range w.stdFiles {
		mod.RawSetString(name, w.toLua(f))
	}
}

// safe is text for where scripts print: on a terminal control bytes are shown escaped.
func (w *World) safe(s string) string {
	if w.style().Raw {
		return s
	}
	return show.EscapeLines(s)
}

func isPlain(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

func isTerminal(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	yes := false
	conn.Control(func(fd uintptr) {
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		yes = err == nil
	})
	return yes
}

// openFlags are those of a mode of io.open.
func openFlags(mode string) (flag int, ok bool) {
	switch strings.Replace(mode, "b", "", 1) {
	case "r":
		return os.O_RDONLY, true
	case "r+":
		return os.O_RDWR, true
	case "w":
		return os.O_WRONLY | os.O_CREATE | os.O_TRUNC, true
	case "w+":
		return os.O_RDWR | os.O_CREATE | os.O_TRUNC, true
	case "a":
		return os.O_WRONLY | os.O_CREATE | os.O_APPEND, true
	case "a+":
		return os.O_RDWR | os.O_CREATE | os.O_APPEND, true
	}
	return 0, false
}

// ioFlush is for the habit: what is written goes out at once.
func ioFlush(L *glua.LState) int {
	L.Push(glua.LTrue)
	return 1
}

func (w *World) ioOpen(L *glua.LState) int {
	path, mode := textArg(L, 1, "io.open", "path"), "r"
	if L.Get(2) != glua.LNil {
		mode = textArg(L, 2, "io.open", "mode")
	}
	flag, ok := openFlags(mode)
	if !ok {
		L.RaiseError("io.open: argument 2 (mode): \"r\", \"w\" or \"a\" expected, maybe with \"+\" or \"b\", got %s", describe(L.Get(2)))
	}
	f, err := w.open(L, path, flag)
	if err != nil {
		return pushFault(L, refusal(path, err))
	}
	w.pushAny(L, f)
	return 1
}

// open opens a file for a script. Only a FIFO waits: for somebody at its other end.
func (w *World) open(L *glua.LState, path string, flag int) (*File, error) {
	env := envOf(L)
	var f *os.File
	var err error
	if info, serr := os.Stat(path); !w.cfg.Confine && serr == nil && info.Mode()&os.ModeNamedPipe != 0 {
		env.flow.block(func() { f, err = openFIFO(env, path, flag) })
		stopIfDone(L)
	} else {
		f, err = w.openFile(path, flag)
	}
	if err != nil {
		return nil, err
	}
	return newFile(env, path, f, flag&os.O_WRONLY == 0), nil
}

// openFIFO opens a FIFO, which waits until somebody opens the other end, or env is done.
func openFIFO(env *Env, path string, flag int) (f *os.File, err error) {
	opened := make(chan struct{})
	Go("io.open", func(e error) { err = e; close(opened) }, func() {
		f, err = os.OpenFile(path, flag, 0o666)
		close(opened)
	})
	select {
	case <-opened:
		return f, err
	case <-env.Done():
	}
	for { // open(2) cannot be called off; but to open both ends never waits, and makes it return (fifo(7))
		fd, _ := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		select {
		case <-opened:
		case <-time.After(5 * time.Millisecond):
			if unix.Close(fd); fd >= 0 {
				continue
			}
			return nil, env.Err() // it is gone, or may not be opened so: the call is left behind
		}
		unix.Close(fd)
		if err == nil {
			f.Close()
		}
		return nil, env.Err()
	}
}

func refusal(path string, err error) *Fault {
	f := &Fault{Op: "open", Addr: path, Err: err}
	if f.Code, f.Message = CodeOf(plainErr(err)); f.Code == "ERROR" {
		f.Code = "EACCES"
	}
	return f
}

func (w *World) ioLines(L *glua.LState) int {
	if L.Get(1) == glua.LNil {
		return pushLines(L, w.input, "io.lines", false)
	}
	path := textArg(L, 1, "io.lines", "path")
	f, err := w.open(L, path, os.O_RDONLY)
	if err != nil {
		L.RaiseError("io.lines: %s", refusal(path, err))
	}
	return pushLines(L, f, "io.lines", true)
}

func (w *World) ioRead(L *glua.LState) int {
	return w.current(L, w.input, "io.read").read(L, 1, "io.read")
}

func (w *World) ioWrite(L *glua.LState) int {
	return w.current(L, w.output, "io.write").write(L, 1, "io.write")
}

func (w *World) current(L *glua.LState, f *File, fn string) *File {
	if f.closed {
		L.RaiseError("%s: %s is closed", fn, f.name)
	}
	return f
}

func (w *World) ioInput(L *glua.LState) int {
	return w.redirect(L, &w.input, "io.input", os.O_RDONLY)
}

func (w *World) ioOutput(L *glua.LState) int {
	return w.redirect(L, &w.output, "io.output", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
}

// redirect answers where io.read reads, or io.write writes, and changes it to a File or a path if there is one.
func (w *World) redirect(L *glua.LState, to **File, fn string, flag int) int {
	switch v := L.Get(1).(type) {
	case *glua.LNilType:
	case glua.LString:
		f, err := w.open(L, string(v), flag)
		if err != nil {
			L.RaiseError("%s: %s", fn, refusal(string(v), err))
		}
		*to = f
	default:
		f := asFile(v)
		if f == nil {
			L.RaiseError("%s: argument 1 (file): path or File expected, got %s", fn, describe(v))
		}
		*to = f
	}
	w.pushAny(L, *to)
	return 1
}

func (w *World) ioClose(L *glua.LState) int {
	f := w.output
	if L.Get(1) != glua.LNil {
		if f = asFile(L.Get(1)); f == nil {
			L.RaiseError("io.close: argument 1 (file): File expected, got %s", describe(L.Get(1)))
		}
	}
	err := f.close(envOf(L))
	stopIfDone(L)
	if err != nil {
		return pushFault(L, NewFault("close", f.name, plainErr(err)))
	}
	L.Push(glua.LTrue)
	return 1
}

func ioType(L *glua.LState) int {
	switch f := asFile(L.Get(1)); {
	case f == nil:
		L.Push(glua.LNil)
	case f.closed:
		L.Push(glua.LString("closed file"))
	default:
		L.Push(glua.LString("file"))
	}
	return 1
}

// ioTmpfile opens a file that has no name and is gone when it is closed.
func (w *World) ioTmpfile(L *glua.LState) int {
	f, err := os.CreateTemp("", "nsh-")
	if err != nil {
		return pushFault(L, NewFault("tmpfile", "", plainErr(err)))
	}
	os.Remove(f.Name())
	w.pushAny(L, newFile(envOf(L), "temporary", f, true))
	return 1
}
