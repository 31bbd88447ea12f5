package lua

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
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
	ahead bool // more may be taken than was asked for; not from a pipe that other programs, or the prompt, read too
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

// at is the byte at an index of what is still to be read, or 0 at the end.
func (r *fileReader) at(ctx context.Context, i int) (byte, error) {
	for i >= len(r.have) {
		if err := r.more(ctx, 1); err == io.EOF {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	}
	return r.have[i], nil
}

// number reads what looks like a numeral, after spaces; what does not is left. Longer than 200 characters is none, as
// in C Lua.
func (r *fileReader) number(ctx context.Context) (glua.LValue, error) {
	start := 0
	for {
		c, err := r.at(ctx, start)
		if err != nil {
			return nil, err
		}
		if c != ' ' && (c < '\t' || c > '\r') {
			break
		}
		if start++; start == readUnit {
			r.drop(start)
			start = 0
		}
	}
	end, hex := start, false
	for ; end-start < 200; end++ {
		c, err := r.at(ctx, end)
		if err != nil {
			return nil, err
		}
		if !numeral(r.have[start:end], c, hex) {
			break
		}
		hex = hex || c == 'x' || c == 'X'
	}
	text := string(r.have[start:end])
	r.drop(end)
	n, ok := parseNumeral(text)
	if !ok {
		return nil, io.EOF
	}
	return n, nil
}

// numeral says whether c can go on the numeral so far.
func numeral(soFar []byte, c byte, hex bool) bool {
	last := byte(0)
	if len(soFar) > 0 {
		last = soFar[len(soFar)-1]
	}
	switch {
	case c >= '0' && c <= '9':
		return true
	case c == '+' || c == '-':
		return last == 0 || !hex && (last == 'e' || last == 'E')
	case hex:
		return c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case c == 'x' || c == 'X':
		return last == '0' && len(bytes.TrimLeft(soFar, "+-")) == 1
	case c == '.':
		return !bytes.ContainsAny(soFar, ".eE")
	case c == 'e' || c == 'E':
		return !bytes.ContainsAny(soFar, "eE")
	}
	return false
}

func parseNumeral(text string) (glua.LNumber, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return glua.LNumber(n), true
	}
	n, err := strconv.ParseInt(text, 0, 64) // hexadecimal
	return glua.LNumber(n), err == nil && len(text) > 2
}

var errTooLong = errors.New("too long")

// more adds at least a byte to what there is, and usually no more than n, or says why not.
func (r *fileReader) more(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.size+len(r.have) >= maxString {
		return errTooLong
	}
	if len(r.have) >= chunkSize {
		r.full, r.size, r.have = append(r.full, r.have), r.size+len(r.have), nil
	}
	switch {
	case r.polls:
		if err := r.ready(ctx); err != nil {
			return err
		}
	case !r.plain:
		defer interruptible(ctx, r.f.SetReadDeadline)()
	}
	if n = min(n, readUnit); r.ahead {
		n = readUnit
	}
	size := len(r.have)
	if cap(r.have)-size < n {
		r.have = append(make([]byte, 0, 2*size+n), r.have...)
	}
	n, err := r.f.Read(r.have[size : size+n])
	r.have = r.have[:size+n]
	switch {
	case n > 0:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, unix.EIO): // a terminal that went away
		return io.EOF
	}
	return err
}

// ready waits until a read of a descriptor that Go's poller does not know, such as a terminal, would not block.
func (r *fileReader) ready(ctx context.Context) error {
	conn, err := r.f.SyscallConn()
	if err != nil {
		return err
	}
	poll := func(timeout int, fds ...unix.PollFd) (yes bool, err error) {
		cerr := conn.Control(func(fd uintptr) {
			fds[0].Fd = int32(fd)
			_, err = unix.Poll(fds, timeout)
		})
		if err == unix.EINTR {
			err = nil
		}
		return fds[0].Revents != 0, errors.Join(cerr, err)
	}
	input := unix.PollFd{Events: unix.POLLIN}
	if yes, err := poll(0, input); yes || err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); close(woken) })
	defer func() {
		if !stop() {
			<-woken
		}
		unix.Close(wake)
	}()
	for ctx.Err() == nil {
		if yes, err := poll(-1, input, unix.PollFd{Fd: int32(wake), Events: unix.POLLIN}); yes || err != nil {
			return err
		}
	}
	return ctx.Err()
}

// rewind forgets what was read ahead, so that the file is where the script believes it to be.
func (r *fileReader) rewind() {
	if n := r.size + len(r.have); n > 0 && r.plain {
		r.f.Seek(int64(-n), io.SeekCurrent)
		r.full, r.size, r.have = nil, 0, nil
	}
}
