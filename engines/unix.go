package engines

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// UnixPath is the path of a unix socket's address, "unix:/path" or "unix:@name" for an abstract one, which no file has; ok is
// false for any other address.
func UnixPath(addr string) (path string, ok bool) { return strings.CutPrefix(addr, "unix:") }

// CheckUnixPath says why a path cannot be a unix socket's.
func CheckUnixPath(path string) error {
	switch {
	case path == "" || path == "@":
		return fmt.Errorf(`address %s has no path: "unix:/path" is expected`, quote("unix:"+path))
	case len(path) > raw.MaxUnixPath:
		return fmt.Errorf("address %s: a path of %d bytes: a unix socket has room for %d", quote("unix:"+path), len(path), raw.MaxUnixPath)
	case strings.IndexByte(path, 0) >= 0:
		return fmt.Errorf("address %s: there is a zero byte in the path", quote("unix:"+path))
	}
	return nil
}

// AllowUnix says whether a script may use unix sockets from a place. One that is held to loopback may not: a path can lead to
// any program of the machine.
func AllowUnix(place Place, path string) error {
	if err := place.Allow(netip.IPv4Unspecified()); err != nil {
		return &Error{"use", "unix:" + path, unixNotAllowed{}}
	}
	return nil
}

// unixNotAllowed is the refusal of unix sockets. It is an EACCES that explains itself.
type unixNotAllowed struct{}

func (unixNotAllowed) Error() string {
	return "a script file is held to loopback addresses, and a unix socket may belong to any program (--host lifts this)"
}

func (unixNotAllowed) Unwrap() error { return syscall.EACCES }

// listenUnix listens on a unix socket. Its file goes with the listener.
func listenUnix(ctx context.Context, cfg Config, path string) (*Listener, error) {
	if err := CheckUnixPath(path); err != nil {
		return nil, err
	}
	if err := errors.Join(Ready(ctx, cfg.Place), AllowUnix(cfg.Place, path)); err != nil {
		return nil, err
	}
	warmUp()
	stopFd, errno := raw.Eventfd()
	if errno != 0 {
		return nil, &Error{"listen", cfg.Addr, errno}
	}
	fd, err := cfg.Place.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		if errno := raw.Bind(fd, raw.NewUnixSockaddr(path)); errno != 0 {
			err = errno
		} else {
			err = syscall.Listen(fd, cfg.Backlog)
		}
		if err != nil {
			raw.Close(fd)
		}
	}
	if err != nil {
		raw.Close(stopFd)
		return nil, &Error{"listen", cfg.Addr, err}
	}
	ln := newListener(fd, stopFd, cfg)
	ln.path = path
	return ln, nil
}

// unlink removes the file of a unix socket.
func (ln *shared) unlink() {
	if ln.path != "" && ln.path[0] != '@' {
		os.Remove(ln.path)
	}
}
