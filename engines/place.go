package engines

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"strings"
	"syscall"
)

// Here is the network that nsh itself runs in.
type Here struct {
	// LoopbackOnly holds everything to the machine's own addresses: what a script file gets unless --host is given.
	LoopbackOnly bool
}

// Socket makes a close-on-exec, non-blocking socket.
func (Here) Socket(family, typ, proto int) (int, error) {
	fd, err := syscall.Socket(family, typ|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, proto)
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// Open opens a file of the network's state: below /proc/net, or below /proc/sys/net.
func (Here) Open(name string) (*os.File, error) {
	clean := path.Clean(name)
	if !strings.HasPrefix(clean, "/proc/net/") && !strings.HasPrefix(clean, "/proc/sys/net/") {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return os.Open(clean)
}

// Allow says whether scripts may use an address from here.
func (h Here) Allow(addr netip.Addr) error {
	if h.LoopbackOnly && !addr.Unmap().IsLoopback() {
		return notAllowed{addr}
	}
	return nil
}

// notAllowed is the refusal of an address. It is an EACCES that explains itself.
type notAllowed struct{ addr netip.Addr }

func (e notAllowed) Error() string {
	return fmt.Sprintf("a script file is held to loopback addresses, and %s is none (--host lifts this)", e.addr)
}

func (notAllowed) Unwrap() error { return syscall.EACCES }
