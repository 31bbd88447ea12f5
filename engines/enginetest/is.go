package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	const n = 60
	return with(ctx, start, linearKit().echo(nil), func(s Running, addr string) error {
		before := threads()
		err := each(ctx, addr, n, func([]*net.TCPConn) error {
			if more := threads() - before; more < n-slackThreads {
				return fmt.Errorf("%d connections are open, and only %d tasks have come", n, more)
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
		return with(ctx, start, linearKit().echo(nil), func(s Running, addr string) error {
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

// IsSelect: a connection that gets descriptor 1024 or a higher one is closed, counted and explained; when lower ones
// are free, connections are served again.
func IsSelect(ctx context.Context, start Starter) error {
	return with(ctx, start, eventKit().echo(nil), func(s Running, addr string) error {
		if err := served(ctx, addr); err != nil {
			return err
		}
		fill, err := fillDescriptors(1024)
		defer func() {
			for _, fd := range fill {
				unix.Close(fd)
			}
		}()
		if err != nil {
			return err
		}
		if err := served(ctx, addr); err == nil {
			return errors.New("a connection was served whose descriptor cannot be below 1024")
		}
		if err := until(ctx, 5*time.Second, "the refusal to be counted, in words", func() (string, bool) {
			st := s.Stats()
			said := fmt.Sprint(st.Reasons)
			return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 1 && strings.Contains(said, "FD_SETSIZE") &&
				strings.Contains(said, "held by") && st.Closed == 2
		}); err != nil {
			return err
		}
		for _, fd := range fill {
			unix.Close(fd)
		}
		fill = nil
		return served(ctx, addr)
	})
}

// IsPoll: descriptors past select's 1023 are served like any other, and while nothing happens one thread is blocked in
// ppoll with as long a list as there is to watch: the connections, the listener and a wake-up.
func IsPoll(ctx context.Context, start Starter) error {
	return with(ctx, start, eventKit().echo(nil), func(s Running, addr string) error {
		fill, err := fillDescriptors(1024)
		defer func() {
			for _, fd := range fill {
				unix.Close(fd)
			}
		}()
		if err != nil {
			return err
		}
		const n = 37
		return each(ctx, addr, n, func([]*net.TCPConn) error {
			return until(ctx, 5*time.Second, "a thread in ppoll", func() (string, bool) {
				calls := blockedIn(unix.SYS_PPOLL)
				return fmt.Sprintf("ppoll called with %v descriptors", calls), slices.Contains(calls, n+2)
			})
		})
	})
}

// blockedIn lists the second argument of a system call for each thread of this process that is in it
// (/proc/PID/syscall: number, arguments in hexadecimal; "running" for a thread that is in none).
func blockedIn(call int) (second []uint64) {
	tasks, _ := filepath.Glob("/proc/self/task/*/syscall")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		fields := strings.Fields(string(text))
		if len(fields) < 3 || fields[0] != strconv.Itoa(call) {
			continue
		}
		if n, err := strconv.ParseUint(fields[2], 0, 64); err == nil {
			second = append(second, n)
		}
	}
	return second
}

// fillDescriptors opens files until every descriptor below n is taken.
func fillDescriptors(n int) (fds []int, err error) {
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fds, fmt.Errorf("this process may not hold %d descriptors: %w", n, err)
		}
		fds = append(fds, fd)
		if fd >= n {
			return fds, nil
		}
	}
}
