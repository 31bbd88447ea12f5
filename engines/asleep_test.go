package engines_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/thread"
)

// served is a server of threads, and a client of it whose connection it has.
func served(t *testing.T, app engines.App) (*engines.Conn, *net.TCPConn) {
	t.Helper()
	conns := make(chan *engines.Conn, 1)
	if app.Linear == nil {
		app.Open = func(c *engines.Conn) ([]byte, error) { conns <- c; return nil, nil }
	} else {
		linear := app.Linear
		app.Linear = func(ctx context.Context, c *engines.Conn) error { conns <- c; return linear(ctx, c) }
	}
	s, err := engines.Start(t.Context(), thread.Model(), engines.Config{}, app)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		peer.Close()
	})
	return <-conns, peer.(*net.TCPConn)
}

// A wake-up that comes at any moment of the way into a recv, and out of it, ends it: here that of a context.
func TestSleepEnds(t *testing.T) {
	const rounds = 20_000
	begun := make(chan context.CancelFunc)
	ended := make(chan error)
	served(t, engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
		buf := make([]byte, 1)
		for range rounds {
			ctx, cancel := context.WithCancel(ctx)
			begun <- cancel
			_, err := c.Recv(ctx, buf)
			ended <- err
		}
		return nil
	}})
	for i := range rounds {
		cancel := <-begun
		for range i % 64 * 16 { // from before the call to after it has gone to sleep
			cancelDelay()
		}
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("round %d: %v", i, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("round %d: the recv sleeps on", i)
		}
	}
}

//go:noinline
func cancelDelay() {}

// What the kernel does not take of a Send from elsewhere is queued, and the connection's thread, which sleeps in recv, has
// to send it.
func TestSleeperSends(t *testing.T) {
	c, peer := served(t, engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }})
	piece := make([]byte, 64<<10)
	want := int64(0)
	for c.Unsent() == 0 {
		n, err := c.Send(t.Context(), piece)
		if err != nil {
			t.Fatal(err)
		}
		want += int64(n)
	}
	if n, err := io.CopyN(io.Discard, peer, want); err != nil {
		t.Fatalf("%d of %d bytes came: %v", n, want, err)
	}
	// And it sleeps in recv again.
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(peer, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
}

// A close from elsewhere ends the sleep, and is an orderly end for the peer.
func TestSleeperCloses(t *testing.T) {
	for name, app := range map[string]engines.App{
		"event": {Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }},
		"linear": {Linear: func(ctx context.Context, c *engines.Conn) error {
			_, err := c.Recv(ctx, make([]byte, 1))
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := served(t, app)
			c.Close()
			if n, err := peer.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the peer reads %d bytes, %v", n, err)
			}
		})
	}
}
