package enginetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// IsPrefork: n children hold the listening socket and are there before anybody comes; each serves one connection; one
// that is killed is replaced.
func IsPrefork(n int) func(context.Context, Starter) error {
	return isPrefork(n, Promise{Apart: true}.kit(true).echo(nil))
}

// IsBarePrefork is IsPrefork for a native handler.
func IsBarePrefork(n int) func(context.Context, Starter) error {
	return isPrefork(n, bareKit().echo(nil))
}

func isPrefork(n int, app engines.App) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		return with(ctx, start, app, func(s Running, addr string) error {
			port := s.Addr().Port()
			sharing := func() error {
				return until(ctx, 10*time.Second, "the workers to share the listener", func() (string, bool) {
					holders, st := listenerHolders(port), s.Stats()
					return fmt.Sprintf("held by %v, %d processes", holders, st.Processes), len(holders) == n && int(st.Processes) == n
				})
			}
			if err := sharing(); err != nil {
				return err
			}
			if err := each(ctx, addr, n, func([]*net.TCPConn) error {
				if by := s.Stats().ByWorker; len(by) != n || slices.Min(by) != 1 || slices.Max(by) != 1 {
					return fmt.Errorf("%d connections are open, one for each worker; the workers have %v", n, by)
				}
				return nil
			}); err != nil {
				return err
			}
			victim, _ := strconv.Atoi(listenerHolders(port)[0])
			if err := unix.Kill(victim, syscall.SIGKILL); err != nil {
				return err
			}
			if err := until(ctx, 5*time.Second, "the end to be counted and explained", func() (string, bool) {
				st := s.Stats()
				said := reasons(st)
				return fmt.Sprintf("%d errors: %s", st.Errors, said), st.Errors == 1 && strings.Contains(said, "SIGKILL") && strings.Contains(said, "replaced")
			}); err != nil {
				return err
			}
			if err := sharing(); err != nil {
				return err
			}
			return served(ctx, addr)
		})
	}
}

// IsPreforkLoops: n children hold the listening socket, and each has its connections, more than one, in an epoll descriptor of
// its own.
func IsPreforkLoops(n int) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		return with(ctx, start, Promise{Apart: true}.kit(false).echo(nil), func(s Running, addr string) error {
			port := s.Addr().Port()
			var holders []string
			if err := until(ctx, 10*time.Second, "the workers to share the listener", func() (string, bool) {
				holders = listenerHolders(port)
				return fmt.Sprintf("held by %v", holders), len(holders) == n
			}); err != nil {
				return err
			}
			const clients = 64
			return each(ctx, addr, clients, func([]*net.TCPConn) error {
				watched := 0
				for _, pid := range holders {
					watched += watchedSockets(pid)
				}
				sum := int64(0)
				for _, by := range s.Stats().ByWorker {
					sum += by
				}
				if want := clients + n; watched != want || sum != clients { // each watches the listener, too
					return fmt.Errorf("%d sockets are in the epoll descriptors of %v, %d wanted; the workers count %d connections", watched, holders, want, sum)
				}
				return nil
			})
		})
	}
}

// watchedSockets counts the sockets in the epoll descriptors of a process that are no wake-up of its own.
func watchedSockets(pid string) (n int) {
	fds, _ := os.ReadDir("/proc/" + pid + "/fdinfo")
	for _, fd := range fds {
		text, _ := os.ReadFile("/proc/" + pid + "/fdinfo/" + fd.Name())
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != "tfd:" {
				continue
			}
			if to, _ := os.Readlink("/proc/" + pid + "/fd/" + f[1]); strings.HasPrefix(to, "socket:") {
				n++
			}
		}
	}
	return n
}

// listenerHolders lists the children that hold the socket that listens on an IPv4 port of 127.0.0.1.
func listenerHolders(port uint16) (pids []string) {
	inode := socketInode(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}, &net.TCPAddr{IP: net.IPv4zero})
	for _, pid := range holdersOf(inode) {
		if pid != strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}
