package fence

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// socketpair gives the two ends of a socket that keeps messages apart.
func socketpair() (ours int, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	return fds[0], os.NewFile(uintptr(fds[1]), "ask"), nil
}

// send sends a message, with a descriptor unless fd is negative.
func send(socket int, message []byte, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for {
		err := unix.Sendmsg(socket, message, rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// receive receives a message and its descriptor, or -1. The end of the other process is io.EOF.
func receive(socket int, buf []byte) (n, fd int, err error) {
	oob := make([]byte, unix.CmsgSpace(4))
	var oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(socket, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return 0, -1, err
	}
	fd = -1
	if oobn > 0 {
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return 0, -1, err
		}
		for _, m := range messages {
			if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) == 1 {
				fd = fds[0]
			}
		}
	}
	switch {
	case n == 0 && fd < 0:
		return 0, -1, io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		if fd >= 0 {
			unix.Close(fd)
		}
		return 0, -1, errors.New("a message that is too long")
	}
	return n, fd, nil
}
