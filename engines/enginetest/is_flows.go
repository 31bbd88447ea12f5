package enginetest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// each opens n connections, each of which has had an answer, and runs f while they are open.
func each(ctx context.Context, addr string, n int, f func(clients []*net.TCPConn) error) error {
	var clients []*net.TCPConn
	for range n {
		c, err := dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := exchange(c, []byte("hello")); err != nil {
			return err
		}
		clients = append(clients, c)
	}
	return f(clients)
}

// IsIterative: the second client is connected, by the kernel, and waits in the queue until the first has gone.
func IsIterative(ctx context.Context, start Starter) error {
	return with(ctx, start, linearKit().echo(nil), func(s Running, addr string) error {
		second := make(chan error, 1)
		err := each(ctx, addr, 1, func([]*net.TCPConn) error {
			c, err := dial(ctx, addr)
			if err != nil {
				return err
			}
			if _, err := c.Write([]byte("me too")); err != nil {
				return err
			}
			launch(func() { second <- expect(c, []byte("me too")); c.Close() })
			if err := until(ctx, 5*time.Second, "a connection in the queue", func() (string, bool) {
				st := s.Stats()
				return fmt.Sprintf("%d queued, %d active", st.Queued, st.Active), st.Queued == 1 && st.Active == 1
			}); err != nil {
				return err
			}
			select {
			case err := <-second:
				return fmt.Errorf("a second client was served (%v) while the first was", err)
			case <-time.After(50 * time.Millisecond):
				return nil
			}
		})
		if err != nil {
			return err
		}
		return <-second
	})
}

// IsThread: each open connection has a task in /proc/self/task, which ends with it.
func IsThread(ctx context.Context, start Starter) error {
	const n = 150
	return with(ctx, start, Promise{Apart: true}.kit(true).echo(nil), func(s Running, addr string) error {
		before := threads()
		err := each(ctx, addr, n, func([]*net.TCPConn) error {
			if err := until(ctx, 5*time.Second, "a task for each open connection", func() (string, bool) {
				more := threads() - before
				return fmt.Sprintf("%d connections, %d tasks more", n, more), more >= n-slackThreads
			}); err != nil {
				return err
			}
			if st := s.Stats(); st.Threads != n {
				return fmt.Errorf("%d connections are open, and %d threads are counted", n, st.Threads)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return until(ctx, 5*time.Second, "the threads to end with their connections", func() (string, bool) {
			now, counted := threads(), s.Stats().Threads
			return fmt.Sprintf("%d tasks, %d before, %d counted", now, before, counted), now <= before+slackThreads && counted == 0
		})
	})
}

// IsThreadPool: there are so many threads from the start and no more later; whoever finds all of them busy waits in the
// queue and is served when one is free.
func IsThreadPool(n int) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		const waiting = 5
		before := threads()
		return with(ctx, start, Promise{Apart: true}.kit(true).echo(nil), func(s Running, addr string) error {
			var late []net.Conn
			err := each(ctx, addr, n, func([]*net.TCPConn) error {
				for i := range waiting {
					c, err := dial(ctx, addr)
					if err != nil {
						return err
					}
					defer func() { late = append(late, c) }()
					if _, err := fmt.Fprintf(c, "late %d", i); err != nil {
						return err
					}
				}
				return until(ctx, 5*time.Second, "the threads and the queue", func() (string, bool) {
					st, more := s.Stats(), threads()-before
					return fmt.Sprintf("%d queued, %d threads counted, %d tasks more", st.Queued, st.Threads, more),
						st.Queued == waiting && st.Threads == int64(n) && more >= n-slackThreads && more <= n+slackThreads
				})
			})
			if err != nil {
				return err
			}
			slices.Reverse(late) // the order of the deferred calls is the reverse one
			for i, c := range late {
				err := expect(c, fmt.Appendf(nil, "late %d", i))
				c.Close() // so that its thread takes the next one
				if err != nil {
					return fmt.Errorf("when threads were free again, client %d: %w", i, err)
				}
			}
			return nil
		})
	}
}

// IsCoroutine: one thread more and no further ones with the connections, which are registered with one epoll descriptor,
// for edges; and a fiber that waits holds up nobody.
func IsCoroutine(ctx context.Context, start Starter) error {
	if err := IsEdgeEpoll(ctx, start); err != nil {
		return err
	}
	const n = 200
	err := with(ctx, start, linearKit().echo(nil), func(s Running, addr string) error {
		before := threads()
		return each(ctx, addr, n, func([]*net.TCPConn) error {
			st, more := s.Stats(), threads()-before
			if more > slackThreads || st.Threads != 1 {
				return fmt.Errorf("%d connections are open, %d threads have come, %d are counted", n, more, st.Threads)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	waiting := make(chan struct{})
	app := engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
		return linearEcho(ctx, c, func(data []byte) error {
			if string(data) != "wait" {
				return nil
			}
			engines.Aside(ctx, func() {
				select {
				case <-waiting:
				case <-ctx.Done():
				}
			})
			return ctx.Err()
		})
	}}
	return with(ctx, start, app, func(s Running, addr string) error {
		return each(ctx, addr, 1, func(clients []*net.TCPConn) error {
			if _, err := clients[0].Write([]byte("wait")); err != nil {
				return err
			}
			if err := served(ctx, addr); err != nil {
				return wrap("while another fiber waits", err)
			}
			close(waiting)
			return expect(clients[0], []byte("wait"))
		})
	})
}

// IsGoroutine: many connections that wait cost no threads.
func IsGoroutine(ctx context.Context, start Starter) error {
	const n = 200
	return with(ctx, start, linearKit().echo(nil), func(s Running, addr string) error {
		before := threads()
		return each(ctx, addr, n, func([]*net.TCPConn) error {
			if more := threads() - before; more > slackThreads {
				return fmt.Errorf("%d connections are open, and %d threads have come", n, more)
			}
			return nil
		})
	})
}
