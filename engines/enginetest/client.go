package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// The clients of the suite are Go's own: they share nothing with what is tested.

// dial connects, plain TCP.
func dial(ctx context.Context, addr string) (*net.TCPConn, error) {
	var d net.Dialer
	d.SetMultipathTCP(false)
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.SetDeadline(deadline)
	}
	context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) // an end before that, too
	return c.(*net.TCPConn), nil
}

// exchange sends data and expects it back.
func exchange(c net.Conn, data []byte) error {
	if _, err := c.Write(data); err != nil {
		return fmt.Errorf("send of %d bytes: %w", len(data), err)
	}
	return expect(c, data)
}

// expect reads exactly what is expected.
func expect(c net.Conn, want []byte) error {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		return fmt.Errorf("%d of %d bytes came, then: %w", n, len(want), err)
	}
	return same(got, want)
}

func same(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	n := min(len(got), len(want))
	for i := range n {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d of %d is %#x and not %#x", i, len(want), got[i], want[i])
		}
	}
	return fmt.Errorf("%d bytes came and not %d", len(got), len(want))
}

// served connects, exchanges one message and closes: the server is alive.
func served(ctx context.Context, addr string) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return exchange(c, []byte("are you there?"))
}

// pattern is n bytes in which no two stretches are alike, for a while.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x)
	}
	return p
}

// until waits for a state, and says what was seen if it does not come before the context ends or limit is over.
func until(ctx context.Context, limit time.Duration, what string, holds func() (seen string, ok bool)) error {
	deadline := time.Now().Add(limit)
	for {
		seen, ok := holds()
		if ok {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("waited for %s, saw %s", what, seen)
		}
		time.Sleep(time.Millisecond)
	}
}

// reasons are the errors of a server, in words.
func reasons(st engines.Stats) string {
	var all []string
	for why, n := range st.Reasons {
		if n > 1 {
			why += fmt.Sprintf(" (%d times)", n)
		}
		all = append(all, why)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func wrap(where string, err error) error { return fmt.Errorf("%s: %w", where, err) }

// with starts a server, runs f and stops the server, whose stop must succeed.
func with(ctx context.Context, start Starter, app engines.App, f func(s Running, addr string) error) error {
	s, err := start(ctx, app)
	if err != nil {
		return wrap("start", err)
	}
	err = f(s, s.Addr().String())
	if stopErr := s.Stop(); err == nil && stopErr != nil {
		err = wrap("stop", stopErr)
	}
	return err
}
