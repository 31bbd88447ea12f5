package lua

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	glua "github.com/yuin/gopher-lua"
)

// Files opens what a confined world may read and write, by the script's own paths; the flags are those of os.OpenFile.
// An error is an errno, or says in words why not. It may be another process that opens, and hands the file over.
type Files interface {
	Open(path string, flag int) (*os.File, error)
}

// OpenFile opens a file as a script of this world may: for plugins that read and write files in its name.
func (w *World) OpenFile(path string, flag int) (*os.File, error) {
	f, err := w.openFile(path, flag)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: plainErr(err)}
	}
	return f, nil
}

func (w *World) openFile(path string, flag int) (*os.File, error) {
	switch {
	case w.cfg.Confine && w.cfg.Files != nil:
		return w.cfg.Files.Open(path, flag)
	case !w.cfg.Confine:
		return os.OpenFile(path, flag, 0o666)
	case flag != os.O_RDONLY:
		return nil, errWritesNothing
	}
	if err := w.readable(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

var errWritesNothing = errors.New("a script file writes nothing; --host lifts that")

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

// handedOpen is io.open of a world whose files are opened for it.
func (w *World) handedOpen(L *glua.LState) int {
	path, mode := textArg(L, 1, "io.open", "path"), "r"
	if L.Get(2) != glua.LNil {
		mode = textArg(L, 2, "io.open", "mode")
	}
	flag, ok := openFlags(mode)
	if !ok {
		L.RaiseError("io.open: argument 2 (mode): \"r\", \"w\" or \"a\" expected, maybe with \"+\" or \"b\", got %s", describe(L.Get(2)))
	}
	f, err := w.openFile(path, flag)
	if err != nil {
		return pushFault(L, refusal(path, err))
	}
	file, _ := w.handedFile(L, path, f)
	L.Push(file)
	return 1
}

// handedLines is io.lines of a path.
func (w *World) handedLines(L *glua.LState) int {
	path := textArg(L, 1, "io.lines", "path")
	f, err := w.openFile(path, os.O_RDONLY)
	if err != nil {
		L.RaiseError("io.lines: %s", refusal(path, err))
	}
	_, h := w.handedFile(L, path, f)
	L.Push(L.NewFunction(func(L *glua.LState) int {
		L.SetTop(0)
		ioRead(L, 1, h.source)
		if L.Get(-1) == glua.LNil {
			h.close()
		}
		return 1
	}))
	return 1
}

func refusal(path string, err error) *Fault {
	f := &Fault{Op: "open", Addr: path, Err: err}
	if f.Code, f.Message = CodeOf(err); f.Code == "ERROR" {
		f.Code = "EACCES"
	}
	return f
}

// A handed is an open file of a confined world.
type handed struct {
	f      *os.File
	buf    *bufio.Reader
	source *source
	held   *Held
	closed bool
}

func (h *handed) close() {
	if !h.closed {
		h.closed = true
		h.f.Close()
		h.held.Release()
	}
}

// rewind forgets what was read ahead, so that the file is where the script believes it to be.
func (h *handed) rewind() {
	if n := h.buf.Buffered(); n > 0 {
		h.f.Seek(int64(-n), io.SeekCurrent)
	}
	h.buf.Reset(h.f)
}

// handedFile makes a script's file of an open one; it is closed with the scope of the call.
func (w *World) handedFile(L *glua.LState, path string, f *os.File) (*glua.LTable, *handed) {
	h := &handed{f: f, buf: bufio.NewReader(f)}
	h.source = &source{fd: int(f.Fd()), r: h.buf}
	h.held = envOf(L).Own("file "+clip(path), func() { f.Close() })
	return w.file("file ("+clip(path)+")", func(methods *glua.LTable) {
		readMethods(w, methods, h.source)
		method := func(name string, call func(L *glua.LState) (glua.LValue, error)) {
			methods.RawSetString(name, w.seed.NewFunction(func(L *glua.LState) int {
				v, err := call(L)
				if err != nil {
					return pushFault(L, NewFault(name, path, plainErr(err)))
				}
				L.Push(v)
				return 1
			}))
		}
		method("write", h.write)
		method("seek", h.seek)
		method("close", func(*glua.LState) (glua.LValue, error) { h.close(); return glua.LTrue, nil })
	}), h
}

func (h *handed) write(L *glua.LState) (glua.LValue, error) {
	var b strings.Builder
	for i := 2; i <= L.GetTop(); i++ {
		b.WriteString(textArg(L, i, "file:write", "value"))
	}
	h.rewind()
	_, err := h.f.WriteString(b.String())
	return L.Get(1), err
}

// seek is file:seek([whence [, offset]]), as Lua has it.
func (h *handed) seek(L *glua.LState) (glua.LValue, error) {
	whence, offset := "cur", int64(0)
	if L.Get(2) != glua.LNil {
		whence = textArg(L, 2, "file:seek", "whence")
	}
	if n, ok := L.Get(3).(glua.LNumber); ok {
		offset = int64(n)
	}
	from, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[whence]
	if !ok {
		return nil, syscall.EINVAL
	}
	h.rewind()
	at, err := h.f.Seek(offset, from)
	return glua.LNumber(at), err
}
