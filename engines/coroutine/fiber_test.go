package coroutine_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/coroutine"
)

func serve(t *testing.T, app engines.App) *engines.Server {
	s, err := engines.Start(t.Context(), coroutine.Model(), engines.Config{Addr: "127.0.0.1:0"}, app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

func dial(t *testing.T, s *engines.Server) net.Conn {
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func exchange(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%q came back for %q: %v", got, text, err)
	}
}

func echo(ctx context.Context, c *engines.Conn) error {
	buf := make([]byte, 1<<10)
	for {
		n, err := c.Recv(ctx, buf)
		if err != nil {
			return err
		}
		if string(buf[:n]) == "exit" {
			runtime.Goexit()
		}
		if _, err := c.Send(ctx, buf[:n]); err != nil {
			return err
		}
	}
}

// TestGoexit: a handler that ends its goroutine ends its connection, and nobody else's.
func TestGoexit(t *testing.T) {
	s := serve(t, engines.App{Linear: echo})
	other, c := dial(t, s), dial(t, s)
	exchange(t, other, "a")
	exchange(t, c, "b")
	if _, err := c.Write([]byte("exit")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("%d, %v", n, err)
	}
	exchange(t, other, "still")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestPanicAside: a panic of what runs beside a fiber is the handler's.
func TestPanicAside(t *testing.T) {
	s := serve(t, engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
		engines.Aside(ctx, func() { panic("beside") })
		return nil
	}})
	c := dial(t, s)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("%d, %v", n, err)
	}
	if got := s.Stats().Reasons; len(got) != 1 {
		t.Fatalf("%v", got)
	}
}

// TestFromOutside: other goroutines use a connection while its fiber does, and each method of theirs comes back.
func TestFromOutside(t *testing.T) {
	s := serve(t, engines.App{Linear: echo})
	c := dial(t, s)
	exchange(t, c, "x")
	conn := s.Conns()[0]
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 200 {
				conn.LocalAddr()
				conn.Control(func(int) {})
				if _, err := conn.Send(t.Context(), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		exchange(t, c, "hello")
	}
	users.Wait()
}

// TestOneThatNeverWaits: a fiber that always has something to read lets others have their turn.
func TestOneThatNeverWaits(t *testing.T) {
	s := serve(t, engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
		buf := make([]byte, 1)
		for {
			if _, err := c.Recv(ctx, buf); err != nil {
				return err
			}
			if buf[0] != '.' {
				if _, err := c.Send(ctx, buf); err != nil {
					return err
				}
			}
		}
	}})
	flood, c := dial(t, s), dial(t, s)
	ctx, end := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		dots := make([]byte, 1<<16)
		for i := range dots {
			dots[i] = '.'
		}
		for ctx.Err() == nil {
			if _, err := flood.Write(dots); err != nil {
				return
			}
		}
	})
	for range 50 {
		exchange(t, c, "a")
	}
	end()
	flood.Close()
	writer.Wait()
}
