package enginetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A watched is one descriptor that an epoll descriptor watches, and for what.
type watched struct {
	fd     int
	events uint64 // EPOLLIN, …, with EPOLLET and EPOLLEXCLUSIVE
}

// registered lists, for each epoll descriptor of this process, what it watches (/proc/PID/fdinfo, lines "tfd:").
func registered() map[string][]watched {
	found := map[string][]watched{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, _ := os.Readlink(link); target != "anon_inode:[eventpoll]" {
			continue
		}
		text, _ := os.ReadFile("/proc/self/fdinfo/" + filepath.Base(link))
		found[filepath.Base(link)] = nil
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[0] != "tfd:" {
				continue
			}
			fd, _ := strconv.Atoi(fields[1])
			events, _ := strconv.ParseUint(fields[3], 16, 64)
			found[filepath.Base(link)] = append(found[filepath.Base(link)], watched{fd, events})
		}
	}
	return found
}

// IsEpoll: the accepted sockets, and the listener, are registered with an epoll descriptor of the server's own, for
// levels.
func IsEpoll(ctx context.Context, start Starter) error { return isEpoll(ctx, start, 1, 1, false) }

// IsEdgeEpoll is IsEpoll for edges.
func IsEdgeEpoll(ctx context.Context, start Starter) error { return isEpoll(ctx, start, 1, 1, true) }

// IsWorkersEpoll is IsEpoll for so many workers and so many listeners: several workers that share one have registered
// it with EPOLLEXCLUSIVE.
func IsWorkersEpoll(workers, listeners int) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error { return isEpoll(ctx, start, workers, listeners, false) }
}

func isEpoll(ctx context.Context, start Starter, workers, listeners int, edge bool) error {
	const n = 40
	before := registered()
	return with(ctx, start, Promise{Apart: true}.kit(false).echo(nil), func(s Running, addr string) error {
		return each(ctx, addr, n, func([]*net.TCPConn) error {
			// Go's poller, which has the clients of this process, is an epoll descriptor, too, and was there before.
			found := registered()
			for ep := range before {
				delete(found, ep)
			}
			connections, listening, exclusive, edges := 0, map[int]bool{}, 0, 0
			for _, all := range found {
				for _, w := range all {
					listens, err := unix.GetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
					switch {
					case err != nil: // the wake-up is no socket
						continue
					case listens == 1:
						listening[w.fd] = true
						if w.events&unix.EPOLLEXCLUSIVE != 0 {
							exclusive++
						}
						continue
					}
					connections++
					if w.events&unix.EPOLLET != 0 {
						edges++
					}
				}
			}
			saw := fmt.Sprintf("%d epoll descriptors, %d connections (%d for edges), %d listeners (%d times EPOLLEXCLUSIVE)",
				len(found), connections, edges, len(listening), exclusive)
			if len(found) != workers || connections != n || len(listening) != listeners {
				return fmt.Errorf("with %d connections open: %s", n, saw)
			}
			if shared := workers > listeners; shared != (exclusive == workers) || edge != (edges == n) || !edge && edges > 0 {
				return fmt.Errorf("registered in another way: %s", saw)
			}
			return byWorker(s, workers, n)
		})
	})
}

// byWorker checks that the accepts of the workers add up.
func byWorker(s Running, workers, n int) error {
	st, sum := s.Stats(), int64(0)
	for _, accepted := range st.ByWorker {
		sum += accepted
	}
	if len(st.ByWorker) != workers || sum != int64(n) {
		return fmt.Errorf("%d connections were accepted, and by the workers %v", n, st.ByWorker)
	}
	return nil
}
