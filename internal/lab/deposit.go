package lab

import (
	"os"

	"golang.org/x/sys/unix"
)

// A deposit keeps networks alive: their descriptors lie in a socket that nobody reads, for as long as the owner has its
// other end, even when the laboratory's process is gone.
//
// A connection that is closed when its way to the peer is already gone cannot say so to it: the kernel keeps it, and with
// it its network, until it gives up, which takes two minutes. When everything is killed at once, the process, and the
// routers and links that nobody else holds, would often be gone before the owner's connections are closed.
type deposit struct{ ours, theirs int }

func newDeposit() (*deposit, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	return &deposit{fds[0], fds[1]}, nil
}

// put adds a network. One that does not fit, for the kernel counts descriptors that are on their way, is not kept.
func (d *deposit) put(ns int) {
	unix.Sendmsg(d.ours, []byte{0}, unix.UnixRights(ns), nil, unix.MSG_NOSIGNAL)
}

// take gives the owner's end.
func (d *deposit) take() (int, error) {
	fd := d.theirs
	d.theirs = -1
	if fd < 0 {
		return -1, unix.EALREADY
	}
	return fd, nil
}

// last moves a descriptor behind others: a process that ends closes its descriptors in order of their numbers, and this
// one is to be closed after its connections.
func last(fd int) int {
	const far = 768 // the table of descriptors grows to twice that, and not to what the limit allows
	if moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, far); err == nil {
		unix.Close(fd)
		return moved
	}
	return fd
}
