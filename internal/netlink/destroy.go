package netlink

import (
	"context"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// sockDestroy is SOCK_DESTROY (linux/sock_diag.h).
const sockDestroy = 21

// Destroy has the kernel end a socket, whoever holds it, as if it had been reset: what ss(8) does with -K. That takes
// CAP_NET_ADMIN in its network, and a kernel with CONFIG_INET_DIAG_DESTROY, without which it is EOPNOTSUPP. A socket that
// has gone meanwhile is ENOENT.
func Destroy(ctx context.Context, fd int, s *Socket) error {
	c := newConn(fd)
	seq, err := c.request(ctx, sockDestroy, unix.NLM_F_REQUEST|unix.NLM_F_ACK, s.request())
	if err != nil {
		return err
	}
	for {
		data, _, err := c.receive(ctx)
		if err != nil {
			return err
		}
		for m, rest, ok := nextMessage(data); ok; m, rest, ok = nextMessage(rest) {
			if m.seq != seq || m.typ != unix.NLMSG_ERROR {
				continue
			}
			if no := errno(m.payload); no != 0 {
				return os.NewSyscallError("sock_diag", no)
			}
			return nil
		}
	}
}

// request is the struct inet_diag_req_v2 that means this one TCP socket.
func (s *Socket) request() []byte {
	b := []byte{s.Family, unix.IPPROTO_TCP, 0, 0}
	b = native.AppendUint32(b, 1<<s.State)
	b = binary.BigEndian.AppendUint16(b, s.localPort)
	b = binary.BigEndian.AppendUint16(b, s.peerPort)
	b = append(append(b, s.local[:]...), s.peer[:]...)
	b = native.AppendUint32(b, s.Iface)
	cookie := s.cookie
	if cookie == 0 {
		cookie = ^uint64(0) // INET_DIAG_NOCOOKIE
	}
	b = native.AppendUint32(b, uint32(cookie))
	return native.AppendUint32(b, uint32(cookie>>32))
}
