package lua

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// readUnit is how much is read at once.
const readUnit = 16 << 10

// A fileReader reads in Lua's formats. What a read that was cancelled has taken from the file stays for the next one.
type fileReader struct {
	f     *os.File
	plain bool
	ahead bool // more may be taken than was asked for; not from a pipe that a prompt reads, too
	polls bool
	turn  chan struct{} // has one token: a fiber at a time reads

	// What was read and not taken yet: pieces of about chunkSize, then the last one. To grow one buffer would copy hundreds
	// of megabytes in one uninterruptible step.
	full [][]byte
	size int // of full
	have []byte
}

func newFileReader(f *os.File, plain, ahead bool) *fileReader {
	r := &fileReader{f: f, plain: plain, ahead: ahead, turn: make(chan struct{}, 1)}
	r.polls = !plain && errors.Is(f.SetReadDeadline(time.Time{}), os.ErrNoDeadline)
	r.turn <- struct{}{}
	return r
}

// read reads by the formats from one on, and pushes what it gets. The first that gets nothing ends it.
func (f *File) read(L *glua.LState, from int, fn string) int {
	formats := args(L, from)
	if len(formats) == 0 {
		formats = []glua.LValue{glua.LString("*l")}
	}
	for i, v := range formats {
		checkFormat(L, v, fn, i+1)
	}
	if f.in == nil {
		return pushFault(L, NewFault("read", f.name, unix.EBADF))
	}
	for i, v := range formats {
		got, err := f.readOne(envOf(L), v)
		stopIfDone(L)
		switch {
		case err == io.EOF:
			L.Push(glua.LNil)
			return i + 1
		case errors.Is(err, errTooLong):
			L.RaiseError("%s: more than %d bytes", fn, maxString)
		case err != nil:
			return i + pushFault(L, NewFault("read", f.name, plainErr(err)))
		}
		L.Push(got)
	}
	return len(formats)
}

func checkFormat(L *glua.LState, v glua.LValue, fn string, number int) {
	switch x := v.(type) {
	case glua.LNumber:
		if x >= 0 && x < 1<<53 && x == glua.LNumber(int(x)) {
			return
		}
	case glua.LString:
		if s := bytes.TrimPrefix([]byte(x), []byte("*")); len(s) > 0 && bytes.IndexByte([]byte("lLna"), s[0]) >= 0 {
			return
		}
	}
	L.RaiseError("%s: argument %d (format): \"*l\", \"*L\", \"*n\", \"*a\" or a number of bytes expected, got %s", fn, number, describe(v))
}

// readOne reads by one format; a file that may wait is read without the baton.
func (f *File) readOne(env *Env, format glua.LValue) (got glua.LValue, err error) {
	r := f.in
	if r.plain {
		return r.by(env, format)
	}
	env.flow.block(func() {
		select {
		case <-r.turn:
		case <-env.Done():
			err = env.Err()
			return
		}
		defer func() { r.turn <- struct{}{} }()
		got, err = r.by(env, format)
	})
	return got, err
}

func (r *fileReader) by(ctx context.Context, format glua.LValue) (glua.LValue, error) {
	if r.size > 0 { // left by a read that was cancelled
		r.have = bytes.Join(append(r.full, r.have), nil)
		r.full, r.size = nil, 0
	}
	if n, ok := format.(glua.LNumber); ok {
		return r.bytes(ctx, int(n))
	}
	switch s := bytes.TrimPrefix([]byte(format.(glua.LString)), []byte("*")); s[0] {
	case 'a':
		return r.rest(ctx)
	case 'n':
		return r.number(ctx)
	case 'L':
		return r.line(ctx, true)
	}
	return r.line(ctx, false)
}

// take takes all of the full pieces, and n bytes of the last.
func (r *fileReader) take(ctx context.Context, n int) (glua.LValue, error) {
	if r.size == 0 {
		text := glua.LString(r.have[:n])
		r.drop(n)
		return text, nil
	}
	all := make([]byte, 0, r.size+n)
	for _, piece := range append(r.full, r.have[:n]) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = append(all, piece...)
	}
	r.full, r.size = nil, 0
	r.drop(n)
	return glua.LString(unsafe.String(unsafe.SliceData(all), len(all))), nil
}

func (r *fileReader) drop(n int) {
	if r.have = r.have[n:]; len(r.have) == 0 {
		r.have = nil
	}
}

func (r *fileReader) line(ctx context.Context, whole bool) (glua.LValue, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(r.have[from:], '\n'); i >= 0 {
			end := from + i
			if whole {
				end++
			}
			text, err := r.take(ctx, end)
			if err == nil && !whole {
				r.drop(1)
			}
			return text, err
		}
		from = len(r.have)
		if err := r.more(ctx, 1); err != nil {
			if err == io.EOF && r.size+from > 0 {
				return r.take(ctx, from)
			}
			return nil, err
		}
		if len(r.have) < from { // that piece is full
			from = 0
		}
	}
}

func (r *fileReader) bytes(ctx context.Context, n int) (glua.LValue, error) {
	for r.size+len(r.have) < max(n, 1) {
		if err := r.more(ctx, max(n, 1)-r.size-len(r.have)); err != nil {
			if err == io.EOF && r.size+len(r.have) > 0 {
				break
			}
			return nil, err
		}
	}
	return r.take(ctx, min(n-r.size, len(r.have)))
}

func (r *fileReader) rest(ctx context.Context) (glua.LValue, error) {
	for {
		if err := r.more(ctx, readUnit); err == io.EOF {
			return r.take(ctx, len(r.have))
		} else if err != nil {
			return nil, err
		}
	}
}

var errTooLong = errors.New("too long")

// rewind forgets what was read ahead, so that the file is where the script believes it to be.
func (r *fileReader) rewind() {
	if !r.plain { // another fiber may be reading
		return
	}
	if n := r.size + len(r.have); n > 0 {
		r.f.Seek(int64(-n), io.SeekCurrent)
		r.full, r.size, r.have = nil, 0, nil
	}
}
