package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"
)

func echoRow(ctx context.Context, start Starter, apps kit) error {
	return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, size := range []int{1, 2, 100, 1460, 65536, 100000} {
			if err := exchange(c, pattern(size)); err != nil {
				return err
			}
		}
		// What was sent is counted after it has gone, so the answer may be here before its count.
		return until(ctx, 5*time.Second, "one connection, and as many bytes out as in", func() (string, bool) {
			st := s.Stats()
			return fmt.Sprintf("%d connections, %d bytes in, %d out", st.Accepted, st.BytesIn, st.BytesOut),
				st.BytesIn == st.BytesOut && st.BytesIn > 0 && st.Accepted == 1
		})
	})
}

func halfCloseRow(ctx context.Context, start Starter, apps kit) error {
	return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		data := pattern(300 << 10)
		sent := make(chan error, 1)
		launch(func() {
			_, err := c.Write(data)
			sent <- errors.Join(err, c.CloseWrite())
		})
		got, err := io.ReadAll(c)
		if err := errors.Join(err, <-sent); err != nil {
			return err
		}
		return same(got, data)
	})
}

// largeRow writes in uneven pieces while it reads: a server with bounded memory need not take all before it answers.
func largeRow(ctx context.Context, start Starter, apps kit) error {
	return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		data := pattern(8 << 20)
		sent := make(chan error, 1)
		launch(func() {
			sizes := rand.New(rand.NewPCG(1, 2))
			for rest := data; len(rest) > 0; {
				n := min(1+sizes.IntN(100000), len(rest))
				if _, err := c.Write(rest[:n]); err != nil {
					sent <- err
					return
				}
				rest = rest[n:]
			}
			sent <- nil
		})
		err = expect(c, data)
		if err != nil {
			c.Close() // so that the sender ends, too
		}
		return errors.Join(err, <-sent)
	})
}

// resetRow resets a connection while the server waits for it.
func resetRow(ctx context.Context, start Starter, apps kit) error {
	ends := make(chan error, 8)
	return with(ctx, start, apps.echo(func(err error) { ends <- err }), func(s Running, addr string) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		if err := exchange(c, []byte("hello")); err != nil {
			return err
		}
		c.SetLinger(0) // close sends a reset
		c.Close()
		if err := sawReset(ctx, ends, apps.mute); err != nil {
			return err
		}
		if err := until(ctx, 5*time.Second, "the error to be counted", func() (string, bool) {
			st := s.Stats()
			return fmt.Sprintf("%d errors (%s), %d closed", st.Errors, reasons(st), st.Closed), st.Errors == 1 && st.Closed == 1 &&
				(!apps.mute || strings.Contains(reasons(st), "ECONNRESET")) // elsewhere the handler has told
		}); err != nil {
			return err
		}
		return served(ctx, addr)
	})
}

func sawReset(ctx context.Context, ends chan error, mute bool) error {
	if mute {
		return nil
	}
	select {
	case err := <-ends:
		if err == nil || code(err) != "ECONNRESET" {
			return fmt.Errorf("the handler saw %v and not ECONNRESET", err)
		}
		return nil
	case <-ctx.Done():
		return errors.New("the handler never learned of the reset")
	}
}

// slowReader has a client that sends and never reads until its own send is stuck: then everything between the two
// is full, and the server holds what it holds.
func slowReader(p Promise) func(context.Context, Starter, kit) error {
	const memory = 24 << 20
	return func(ctx context.Context, start Starter, apps kit) error {
		return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
			c, err := dial(ctx, addr)
			if err != nil {
				return err
			}
			defer c.Close()
			var before, after runtime.MemStats
			data := pattern(128 << 20 / 2)
			runtime.GC()
			runtime.ReadMemStats(&before)
			// Stuck is: no progress for this long. A server that goes on reading never lets that happen.
			sent := 0
			for sent < len(data) {
				c.SetWriteDeadline(time.Now().Add(150 * time.Millisecond))
				n, err := c.Write(data[sent:min(sent+256<<10, len(data))])
				sent += n
				if err != nil {
					break
				}
			}
			if sent == len(data) {
				return fmt.Errorf("the server took all %d bytes from a client that reads nothing", sent)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > memory {
				return fmt.Errorf("a client that reads nothing cost %d MiB of memory", grown>>20)
			}
			if p.Crowd > 1 {
				if err := served(ctx, addr); err != nil {
					return wrap("another client", err)
				}
			}
			return expect(c, data[:sent])
		})
	}
}

// collectionsRow forces collections beside a server that sleeps, and beside one that works. None of the former may
// count as a wake-up.
func collectionsRow(ctx context.Context, start Starter, apps kit) error {
	return with(ctx, start, apps.echo(nil), func(s Running, addr string) error {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := exchange(c, []byte("hello")); err != nil {
			return err
		}
		// Of several workers more than one may be woken for a connection, and one of them late.
		before := s.Stats().Wakeups
		if err := until(ctx, 5*time.Second, "an idle server", func() (string, bool) {
			earlier := before
			time.Sleep(20 * time.Millisecond)
			before = s.Stats().Wakeups
			return fmt.Sprintf("%d wake-ups more", before-earlier), before == earlier
		}); err != nil {
			return err
		}
		began := time.Now()
		for range 30 {
			runtime.GC()
		}
		if after := s.Stats().Wakeups; after != before {
			return fmt.Errorf("an idle server counted %d wake-ups during 30 collections", after-before)
		}
		for range 30 {
			runtime.GC()
			if err := exchange(c, []byte("hello again")); err != nil {
				return err
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			return fmt.Errorf("60 collections took %v", took)
		}
		return nil
	})
}
