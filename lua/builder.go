package lua

import (
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// A builder makes a long string in pieces, looking at the context as it goes: to grow one buffer would copy hundreds of
// megabytes in one uninterruptible step.
type builder struct {
	L    *glua.LState
	fn   string
	full [][]byte // pieces of chunkSize
	buf  []byte
	size int
	due  int
}

func newBuilder(L *glua.LState, fn string) *builder { return &builder{L: L, fn: fn} }

func (b *builder) add(s string) {
	if b.size+len(s) > maxString {
		b.L.RaiseError("%s: the result would be longer than %d bytes", b.fn, maxString)
	}
	b.size += len(s)
	for len(s) > 0 {
		if len(b.buf) == chunkSize {
			b.full = append(b.full, b.buf)
			b.buf = make([]byte, 0, chunkSize)
		}
		n := min(len(s), chunkSize-len(b.buf))
		b.buf = append(b.buf, s[:n]...)
		s = s[n:]
		b.tick(n)
	}
	b.tick(0)
}

// tick looks at the context once per so many bytes or calls.
func (b *builder) tick(n int) {
	if b.due += n + 16; b.due > chunkSize {
		b.due = 0
		stopIfDone(b.L)
	}
}

func (b *builder) text() glua.LString {
	if len(b.full) == 0 {
		return glua.LString(unsafe.String(unsafe.SliceData(b.buf), len(b.buf)))
	}
	all := make([]byte, 0, b.size)
	for _, piece := range append(b.full, b.buf) {
		all = append(all, piece...)
		stopIfDone(b.L)
	}
	return glua.LString(unsafe.String(unsafe.SliceData(all), len(all)))
}
