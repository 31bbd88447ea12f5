// Package netlink asks the kernel for its sockets: a client of sock_diag(7) that owns nothing. The descriptor is the
// caller's, opened in whatever network namespace is meant, since a netlink socket answers for the namespace in which
// it was created.
//
// The kernel hands over its table in pieces while it goes on changing, so the package takes care of what that means:
// a dump that was interrupted or lost a piece is asked for again, a socket that was met twice is reported once, and a
// result that stayed incomplete says so.
package netlink

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bufferSize holds any piece of a dump: the kernel makes none above 32 KiB today (net/netlink/af_netlink.c,
	// netlink_dump), whatever the room.
	bufferSize = 256 << 10

	// pollSlice is how long the wait for an answer goes on before the context is looked at again.
	pollSlice = 20 * time.Millisecond

	// silence is how long the kernel may take for one piece. It answers from its own memory, at once; this bound
	// is for a descriptor that is not what the caller says.
	silence = 5 * time.Second
)

// A conn is one exchange after the other on a netlink descriptor.
type conn struct {
	fd  int
	seq uint32
	buf []byte
}

// newConn starts counting where no earlier user of the descriptor is likely to have been.
func newConn(fd int) *conn {
	return &conn{fd: fd, seq: uint32(time.Now().UnixNano()), buf: make([]byte, bufferSize)}
}

// request sends one message. The header's sequence number tells its answers from those of an earlier, abandoned dump.
func (c *conn) request(ctx context.Context, typ, flags uint16, payload []byte) (uint32, error) {
	c.seq++
	msg := appendHeader(nil, typ, flags, c.seq, len(payload))
	msg = append(msg, payload...)
	for {
		err := unix.Sendto(c.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		switch {
		case err == nil:
			return c.seq, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if err := c.wait(ctx, unix.POLLOUT); err != nil {
				return 0, err
			}
		default:
			return 0, os.NewSyscallError("sendto", err)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// receive takes the next datagram from the kernel. whole is false when a part of the answer is lost: the socket's
// buffer overflowed (ENOBUFS), or the datagram did not fit and was cut.
func (c *conn) receive(ctx context.Context) (data []byte, whole bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		// With MSG_TRUNC the call returns the datagram's length even where that is more than what fits: recv(2).
		n, from, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_TRUNC)
		switch {
		case err == nil:
			if nl, ok := from.(*unix.SockaddrNetlink); !ok || nl.Pid != 0 {
				continue // not from the kernel
			}
			if n > len(c.buf) {
				data := c.buf
				c.buf = make([]byte, n)
				return data, false, nil
			}
			return c.buf[:n], true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS):
			return nil, false, nil
		case errors.Is(err, unix.EAGAIN):
			if err := c.wait(ctx, unix.POLLIN); err != nil {
				return nil, false, err
			}
		default:
			return nil, false, os.NewSyscallError("recvfrom", err)
		}
	}
}

// wait returns when the descriptor is ready, the context is done, or the kernel has been silent for too long.
func (c *conn) wait(ctx context.Context, events int16) error {
	give := time.Now().Add(silence)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		left := time.Until(give)
		if left <= 0 {
			return os.NewSyscallError("poll", unix.ETIMEDOUT)
		}
		if deadline, ok := ctx.Deadline(); ok {
			if left = min(left, time.Until(deadline)); left <= 0 {
				return context.DeadlineExceeded
			}
		}
		ms := int(min(left, pollSlice).Milliseconds()) + 1
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: events}}, ms)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if n > 0 {
			return nil
		}
	}
}
