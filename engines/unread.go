package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// MaxLine is the longest line that RecvLine reads, in bytes, without its end.
const MaxLine = 1 << 20

// takeRest moves bytes that were received and not asked for yet into p. The buffer goes with its last byte.
func (c *Conn) takeRest(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flow == nil || len(c.flow.rest) == 0 {
		return 0
	}
	n := copy(p, c.flow.rest)
	c.putRest(c.flow.rest[n:])
	return n
}

// putRest keeps bytes for the next call; c.mu is held.
func (c *Conn) putRest(rest []byte) {
	if len(rest) == 0 {
		rest = nil
	}
	c.flow.rest = rest
}

// Unread is how many bytes have been received already and wait for the next Recv of any kind.
func (c *Conn) Unread() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flow != nil {
		n = len(c.flow.rest)
	}
	if c.gram != nil && !c.gram.taken {
		n += len(c.gram.data)
	}
	return n
}

// RecvN receives exactly n bytes. When the stream ends or fails before, the error is a *PartialError with what came;
// a stream that ends before the first byte gives io.EOF.
func (c *Conn) RecvN(ctx context.Context, n int) ([]byte, error) {
	f, leave, err := c.enterRecv(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if c.isDatagram() { // one is one: what does not fit is lost, as with recv(2)
		got := make([]byte, min(n, MaxDatagram))
		m, err := c.recv(ctx, f, got)
		return got[:m], err
	}
	// Grown as bytes come: n is the caller's wish, and no reason to take that much memory at once.
	got := make([]byte, 0, min(n, bufferSize))
	for len(got) < n {
		if len(got) == cap(got) {
			got = append(got, 0)[:len(got)]
		}
		m, err := c.recv(ctx, f, got[len(got):min(n, cap(got))])
		got = got[:len(got)+m]
		if err != nil {
			return nil, c.keepPartial(f, got, err)
		}
	}
	return got, nil
}

// RecvLine receives up to the next "\n" and gives what stands before it, or before "\r\n". A last line that has no
// end is a *PartialError; a line above MaxLine bytes is EMSGSIZE.
func (c *Conn) RecvLine(ctx context.Context) ([]byte, error) {
	f, leave, err := c.enterRecv(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var got []byte
	c.mu.Lock()
	got, f.rest = f.rest, nil
	c.mu.Unlock()
	seen := 0
	for {
		if i := bytes.IndexByte(got[seen:], '\n'); i >= 0 && seen+i <= MaxLine+1 {
			c.mu.Lock()
			c.putRest(got[seen+i+1:])
			c.mu.Unlock()
			return bytes.TrimSuffix(got[:seen+i:seen+i], []byte("\r")), nil
		}
		if seen = len(got); seen > MaxLine {
			err := fmt.Errorf("a line of more than %d bytes: %w", MaxLine, syscall.EMSGSIZE)
			return nil, c.keepPartial(f, got, err)
		}
		got = append(got, make([]byte, max(512, min(len(got), bufferSize)))...)
		m, err := c.recv(ctx, f, got[seen:])
		got = got[:seen+m]
		if err != nil {
			return nil, c.keepPartial(f, got, err)
		}
	}
}

// keepPartial says how a longer receive ended. What came stays to be received where the stream itself goes on: the
// deadline was the caller's, the bytes are not lost.
func (c *Conn) keepPartial(f *flow, got []byte, err error) error {
	if len(got) == 0 {
		return err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case !errors.As(err, &errno) || errno == syscall.EAGAIN:
		c.mu.Lock()
		f.rest = append(bytes.Clone(got), f.rest...)
		c.mu.Unlock()
	}
	return &PartialError{got, err}
}
