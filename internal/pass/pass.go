// Package pass sends messages with descriptors between two processes, over a socket that keeps messages apart
// (SOCK_SEQPACKET, unix(7)). It is what nsh's own processes talk over: the fence and what is behind it, a laboratory and
// its owner.
package pass

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Most is how many descriptors a message may carry.
const Most = 64

// ErrTooLong says that a message, or what came with it, did not fit.
var ErrTooLong = errors.New("a message that is too long")

// Pair gives the two ends of a socket, both close-on-exec: one to keep, and one to hand to a child.
func Pair() (ours int, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	return fds[0], os.NewFile(uintptr(fds[1]), "asked"), nil
}

// Send sends a message, with descriptors if there are any. On a non-blocking socket it may be EAGAIN.
func Send(socket int, message []byte, fds ...int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	for {
		err := unix.Sendmsg(socket, message, rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// Receive receives a message and its descriptors, which are close-on-exec. The end of the other process is io.EOF. What
// comes with a message that is refused is closed.
func Receive(socket int, buf []byte) (n int, fds []int, err error) {
	oob := make([]byte, unix.CmsgSpace(4*Most))
	var oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(socket, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, nil, err
	}
	if oobn > 0 {
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return 0, nil, err
		}
		for _, m := range messages {
			if some, err := unix.ParseUnixRights(&m); err == nil {
				fds = append(fds, some...)
			}
		}
	}
	switch {
	case n == 0 && fds == nil:
		return 0, nil, io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		Close(fds)
		return 0, nil, ErrTooLong
	}
	return n, fds, nil
}

// Close closes descriptors that nobody wants.
func Close(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
