package lua

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A File is a file as scripts hold it: of a path, of a program (io.popen), or one of the three that every program has.
// gopher-lua's files keep the baton while they wait, past every cancellation; these wait without it. A regular file
// never waits, so it keeps the baton: no other fiber runs in the middle of a loop over its lines. All of it belongs to
// the holder of the baton, except in.
type File struct {
	name   string
	f      *os.File
	in     *fileReader        // nil if it cannot be read
	out    func(string) error // of stdout and stderr, which the world writes
	plain  bool               // a regular file
	ended  func()             // of a program: waits for its end
	held   *Held
	closed bool
}

func (f *File) String() string {
	if f.closed {
		return "closed file (" + f.name + ")"
	}
	return "file (" + f.name + ")"
}

// newFile makes a script's file of an open one; it is closed with the scope of the call.
func newFile(env *Env, name string, f *os.File, reads bool) *File {
	file := &File{name: clip(name), f: f}
	if info, err := f.Stat(); err == nil {
		file.plain = info.Mode().IsRegular()
	}
	if reads {
		file.in = newFileReader(f, file.plain, true)
	}
	file.held = env.Own("file "+file.name, func() { f.Close() })
	return file
}

// fileType declares File.
func fileType() Type {
	return Type{
		Name: "File", Of: (*File)(nil),
		Doc: "An open file: of io.open, io.popen or io.tmpfile; io.stdin, io.stdout and io.stderr. What waits, waits without keeping other fibers from running.",
		Methods: []Func{
			{Name: "read", Params: "...", Returns: "string or number, … | nil at the end", Call: func(f *File, formats ...Value) Value { return Value{} }, raw: fileRead,
				Doc: "Reads by formats: \"*l\" a line without its end (the usual), \"*L\" with it, \"*n\" a number, \"*a\" the rest, or a number of bytes."},
			{Name: "lines", Returns: "iterator", Call: func(f *File) Value { return Value{} }, raw: fileLines,
				Doc: "Iterates over the lines that are left."},
			{Name: "write", Params: "...", Returns: "File | nil, err", Call: func(f *File, values ...Value) *File { return f }, raw: fileWrite,
				Doc: "Writes strings and numbers, at once: there is no buffer."},
			{Name: "seek", Params: "[whence], [offset]", Returns: "number | nil, err", Call: func(f *File, whence string, offset int) int { return 0 }, raw: fileSeek,
				Doc: "Moves to offset from \"set\" (the beginning), \"cur\" (here, the usual) or \"end\", and returns the position."},
			{Name: "flush", Call: func(f *File) {}, raw: fileNothing("flush"),
				Doc: "Does nothing: what was written is written."},
			{Name: "setvbuf", Params: "mode, [size]", Call: func(f *File, mode string, size int) {}, raw: fileSetvbuf,
				Doc: "Does nothing: there is no buffer to set."},
			{Name: "close", Returns: "true | nil, err", Call: func(f *File) {}, raw: fileClose,
				Doc: "Closes it; of a program it waits for the end. The three standard files stay open."},
		},
	}
}

// checkFile is the receiver of a method, open.
func checkFile(L *glua.LState, method string) *File {
	f := asFile(L.Get(1))
	if f == nil {
		L.RaiseError("File:%s: called on %s, not on a File; use ':'", method, typeName(L.Get(1)))
	}
	if f.closed && method != "close" {
		L.RaiseError("File:%s: the file is closed", method)
	}
	return f
}

// asFile is the File that a value is, or nil.
func asFile(v glua.LValue) *File {
	if ud, ok := v.(*glua.LUserData); ok {
		if f, ok := ud.Value.(*File); ok && infoOf(ud) != nil {
			return f
		}
	}
	return nil
}

func fileRead(L *glua.LState) int { return checkFile(L, "read").read(L, 2, "File:read") }

func fileLines(L *glua.LState) int { return pushLines(L, checkFile(L, "lines"), "File:lines", false) }

// pushLines pushes an iterator, which closes the file at its end if that is wanted.
func pushLines(L *glua.LState, f *File, fn string, closes bool) int {
	L.Push(L.NewFunction(func(L *glua.LState) int {
		if f.closed {
			L.RaiseError("%s: the file is closed", fn)
		}
		L.SetTop(0)
		n := f.read(L, 1, fn)
		if n > 1 { // nil, err
			L.RaiseError("%s: %s", fn, L.ToStringMeta(L.Get(-1)).String())
		}
		if closes && L.Get(-n) == glua.LNil {
			f.close(envOf(L))
		}
		return n
	}))
	return 1
}

func fileWrite(L *glua.LState) int { return checkFile(L, "write").write(L, 2, "File:write") }

// write writes the arguments from one on.
func (f *File) write(L *glua.LState, from int, fn string) int {
	var b strings.Builder
	for i := from; i <= L.GetTop(); i++ {
		b.WriteString(textAt(L, i, i-from+1, fn, "value"))
	}
	env := envOf(L)
	if f.out != nil {
		if f.out(b.String()) != nil {
			env.w.leave(L, &ExitError{Code: 1})
		}
	} else if err := f.put(env, b.String()); err != nil {
		stopIfDone(L)
		return pushFault(L, NewFault("write", f.name, plainErr(err)))
	}
	stopIfDone(L)
	if from > 1 {
		L.Push(L.Get(1))
	} else {
		L.Push(glua.LTrue)
	}
	return 1
}

func (f *File) put(env *Env, text string) (err error) {
	if f.f == nil {
		return syscall.EBADF
	}
	if f.in != nil {
		f.in.rewind()
	}
	if f.plain {
		for len(text) > 0 && err == nil && env.Err() == nil {
			n := min(len(text), chunkSize) // a cancelled run does not wait for a disk to take all of it
			_, err = f.f.WriteString(text[:n])
			text = text[n:]
		}
		return err
	}
	env.flow.block(func() {
		defer interruptible(env, f.f.SetWriteDeadline)()
		_, err = f.f.WriteString(text)
	})
	return err
}

// interruptible lets the end of ctx end what waits under a deadline; the function it returns undoes that.
func interruptible(ctx context.Context, deadline func(time.Time) error) func() {
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { deadline(time.Unix(1, 0)); close(late) })
	return func() {
		if !stop() {
			<-late
			deadline(time.Time{})
		}
	}
}

func fileSeek(L *glua.LState) int {
	f, whence := checkFile(L, "seek"), "cur"
	if L.Get(2) != glua.LNil {
		whence = textAt(L, 2, 1, "File:seek", "whence")
	}
	offset := offsetArg(L, "File:seek", "offset")
	from, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[whence]
	if !ok {
		L.RaiseError("File:seek: argument 1 (whence): \"set\", \"cur\" or \"end\" expected, got %s", describe(L.Get(2)))
	}
	if f.f == nil {
		return pushFault(L, NewFault("seek", f.name, syscall.ESPIPE))
	}
	if f.in != nil {
		f.in.rewind()
	}
	at, err := f.f.Seek(offset, from)
	if err != nil {
		return pushFault(L, NewFault("seek", f.name, plainErr(err)))
	}
	L.Push(glua.LNumber(at))
	return 1
}

// offsetArg is a method's second argument, a whole number; absent it is 0.
func offsetArg(L *glua.LState, fn, param string) int64 {
	v := L.Get(3)
	n, ok := v.(glua.LNumber)
	if v != glua.LNil && (!ok || n != glua.LNumber(int64(n))) {
		L.RaiseError("%s: argument 2 (%s): whole number expected, got %s", fn, param, describe(v))
	}
	return int64(n)
}

func fileNothing(method string) glua.LGFunction {
	return func(L *glua.LState) int {
		checkFile(L, method)
		L.Push(glua.LTrue)
		return 1
	}
}

func fileSetvbuf(L *glua.LState) int {
	checkFile(L, "setvbuf")
	mode := textAt(L, 2, 1, "File:setvbuf", "mode")
	offsetArg(L, "File:setvbuf", "size")
	switch mode {
	case "no", "full", "line":
	default:
		L.RaiseError("File:setvbuf: argument 1 (mode): \"no\", \"full\" or \"line\" expected, got %s", describe(L.Get(2)))
	}
	L.Push(glua.LTrue)
	return 1
}

func fileClose(L *glua.LState) int {
	f := checkFile(L, "close")
	err := f.close(envOf(L))
	stopIfDone(L)
	if err != nil {
		return pushFault(L, NewFault("close", f.name, plainErr(err)))
	}
	L.Push(glua.LTrue)
	return 1
}

// close closes the file, once; the standard ones stay open.
func (f *File) close(env *Env) (err error) {
	if f.closed || f.held == nil {
		return nil
	}
	f.closed = true
	if f.ended == nil {
		err = f.f.Close()
	} else {
		env.flow.block(func() {
			f.f.Close()
			f.ended()
		})
	}
	f.held.Release()
	return err
}
