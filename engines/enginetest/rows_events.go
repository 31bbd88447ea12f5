package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// pressureRow sends 16 MiB from the server, as fast as Send takes them, to a client that reads only at the end.
func pressureRow(p Promise) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		var refusals, most atomic.Int64
		queued := func(n int) { most.Store(max(most.Load(), int64(n))) }
		app := pressureApp(ctx, func() { refusals.Add(1) }, queued)
		if p.Apart {
			full := counted(toldFull, &refusals)
			app = apart(app, "pressure", func(kind byte, data []byte) {
				full(kind, data)
				if n, err := strconv.Atoi(string(data)); kind == toldQueued && err == nil {
					queued(n)
				}
			})
		}
		return with(ctx, start, app, func(s Running, addr string) error {
			c, err := dial(ctx, addr)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := until(ctx, RowLimit, "a Send that is refused", func() (string, bool) {
				return fmt.Sprintf("%d bytes sent", s.Stats().BytesOut), refusals.Load() > 0
			}); err != nil {
				return err
			}
			got, err := io.ReadAll(c)
			if err != nil {
				return err
			}
			if most := most.Load(); most > engines.DefaultSendLimit+pressurePiece {
				return fmt.Errorf("%d bytes were queued", most)
			}
			if err := until(ctx, 5*time.Second, "nothing to count as unsent after all has come", func() (string, bool) {
				unsent := s.Stats().Unsent
				return fmt.Sprintf("%d bytes", unsent), unsent == 0
			}); err != nil {
				return err
			}
			return same(got, pattern(pressureSize))
		})
	}
}

const (
	pressureSize  = 16 << 20
	pressurePiece = 100_000
)

func pressureApp(ctx context.Context, refused func(), queued func(n int)) engines.App {
	data := pattern(pressureSize)
	sent := 0
	more := func(c *engines.Conn) error {
		for sent < len(data) {
			n, err := c.Send(ctx, data[sent:min(sent+pressurePiece, len(data))])
			sent += n
			if unsent := c.Unsent(); unsent > 0 {
				queued(unsent)
			}
			if err == syscall.EAGAIN && n == 0 {
				refused()
				return nil
			}
			if err != nil {
				return fmt.Errorf("send: %d, %w", n, err)
			}
		}
		return c.Close()
	}
	return engines.App{
		Open:     func(c *engines.Conn) ([]byte, error) { return nil, more(c) },
		Writable: more,
	}
}

// gracefulRow queues more than the kernel takes and closes at once.
func gracefulRow(p Promise) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		app := gracefulApp(ctx)
		if p.Apart {
			app = apart(app, "graceful", nil)
		}
		return with(ctx, start, app, func(s Running, addr string) error {
			c, err := dial(ctx, addr)
			if err != nil {
				return err
			}
			defer c.Close()
			got, err := io.ReadAll(c)
			if err != nil {
				return err
			}
			if st := s.Stats(); st.Errors != 0 {
				return fmt.Errorf("errors were counted: %s", reasons(st))
			}
			return same(got, pattern(gracefulSize))
		})
	}
}

const gracefulSize = 12 << 20

func gracefulApp(ctx context.Context) engines.App {
	data := pattern(gracefulSize)
	return engines.App{Open: func(c *engines.Conn) ([]byte, error) {
		if n, err := c.Send(ctx, data); n != len(data) || err != nil {
			return nil, fmt.Errorf("send: %d, %w", n, err)
		}
		c.Close()
		if n, err := c.Send(ctx, data); n != 0 || err == nil {
			return nil, errors.New("a send after the close was taken")
		}
		return nil, c.Close()
	}}
}

// readableRow has a handler that reads for itself, in small pieces.
func readableRow(p Promise) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		var empty atomic.Int64
		app := readableApp(ctx, func() { empty.Add(1) })
		if p.Apart {
			app = apart(app, "readable", counted(toldEmpty, &empty))
		}
		return with(ctx, start, app, func(s Running, addr string) error {
			c, err := dial(ctx, addr)
			if err != nil {
				return err
			}
			defer c.Close()
			for _, size := range []int{1, 7, 100, 1000} {
				if err := exchange(c, pattern(size)); err != nil {
					return err
				}
				// The answer is here before the handler has looked whether there is more.
				if err := until(ctx, 5*time.Second, "the handler to see that there is no more", func() (string, bool) {
					return "no EAGAIN", empty.Load() > 0
				}); err != nil {
					return err
				}
			}
			if err := c.CloseWrite(); err != nil {
				return err
			}
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				return fmt.Errorf("after the last answer: %d bytes, %v", len(rest), err)
			}
			if st := s.Stats(); st.Errors != 0 {
				return fmt.Errorf("errors were counted: %s", reasons(st))
			}
			return nil
		})
	}
}

func readableApp(ctx context.Context, nothing func()) engines.App {
	return engines.App{Readable: func(c *engines.Conn) error {
		var buf [7]byte
		for {
			n, err := c.Read(buf[:])
			if err == syscall.EAGAIN {
				nothing()
				return nil
			}
			if err != nil {
				return err // io.EOF is an orderly end
			}
			if _, err := c.Send(ctx, buf[:n]); err != nil {
				return err
			}
		}
	}}
}

// acrossRow has a room in which each hears what the others say: a handler sends on connections that are not its own.
// One of them reads only when all has been said, so that what it will hear waits in the server.
func acrossRow(ctx context.Context, start Starter) error {
	return with(ctx, start, newRoom(ctx), func(s Running, addr string) error {
		talker, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer talker.Close()
		late, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer late.Close()
		if err := errors.Join(expect(talker, []byte("welcome")), expect(late, []byte("welcome"))); err != nil {
			return err
		}
		// Below the limit of the queue: a room in which nobody may be late would have to drop what is said.
		data := pattern(engines.DefaultSendLimit - 100_000)
		for rest := data; len(rest) > 0; {
			n := min(8192, len(rest))
			if err := exchange(talker, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		if s.Stats().Unsent == 0 {
			return errors.New("nothing is queued for the one who has not read yet")
		}
		return expect(late, data)
	})
}

// newRoom sends what one says to all.
func newRoom(ctx context.Context) engines.App {
	var mu sync.Mutex
	room := map[*engines.Conn]bool{}
	return engines.App{
		Open: func(c *engines.Conn) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			room[c] = true
			return []byte("welcome"), c.SetOption("SO_SNDBUF", 128<<10)
		},
		Data: func(_ *engines.Conn, data []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			for c := range room {
				if _, err := c.Send(ctx, data); err != nil {
					return nil, fmt.Errorf("send: %w", err)
				}
			}
			return nil, nil
		},
		Close: func(c *engines.Conn, _ error) error {
			mu.Lock()
			defer mu.Unlock()
			delete(room, c)
			return nil
		},
	}
}
