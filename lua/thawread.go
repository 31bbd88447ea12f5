package lua

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What a snapshot is read by. The numbers in it are believed only as far as bytes follow.

func (t *thawer) byte() byte {
	if len(t.in) == 0 {
		t.fail("it ends too soon")
	}
	b := t.in[0]
	t.in = t.in[1:]
	return b
}

func (t *thawer) number() uint64 {
	n, size := binary.Uvarint(t.in)
	if size <= 0 {
		t.fail("it ends too soon")
	}
	t.in = t.in[size:]
	return n
}

// count is how many of something follow; each takes a byte at least.
func (t *thawer) count() int {
	n := t.number()
	if n > uint64(len(t.in)) {
		t.fail("it ends too soon")
	}
	return int(n)
}

func (t *thawer) text() string {
	n := t.count()
	s := string(t.in[:n])
	t.in = t.in[n:]
	return s
}

// known is a chunk, compiled once however many snapshots it is in.
func (w *World) known(name, source string) (*Chunk, error) {
	c, err := w.library.chunk(name, source)
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("its source does not compile: %w", syntax)
	}
	if err == nil {
		w.origins.remember(c)
	}
	return c, err
}
