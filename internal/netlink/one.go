package netlink

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// An Asker asks for one TCP socket at a time, by its addresses: the kernel looks that up without going through its table.
// The descriptor is the caller's, and not used by anybody else meanwhile.
type Asker struct{ c *conn }

// NewAsker is one on a descriptor as Dump has.
func NewAsker(fd int) *Asker {
	a := &Asker{newConn(fd)}
	a.c.buf = a.c.buf[:8<<10]
	return a
}

// Ask is the socket with these two addresses, also in TIME_WAIT or SYN_RECV. ok is false when there is none; a listener
// that would take a connection from there is none.
func (a *Asker) Ask(ctx context.Context, local, peer netip.AddrPort) (s Socket, ok bool, err error) {
	seq, err := a.c.request(ctx, unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_REQUEST, exactly(local, peer))
	if err != nil {
		return s, false, err
	}
	for {
		data, _, err := a.c.receive(ctx)
		if err != nil {
			return s, false, err
		}
		for m, rest, more := nextMessage(data); more; m, rest, more = nextMessage(rest) {
			switch {
			case m.seq != seq:
			case m.typ == unix.NLMSG_ERROR:
				no := errno(m.payload)
				if no == 0 || errors.Is(no, unix.ENOENT) {
					return s, false, nil
				}
				return s, false, os.NewSyscallError("sock_diag", no)
			case m.typ == unix.SOCK_DIAG_BY_FAMILY:
				if !parseSocket(m.payload, &s) || s.Local() != local || s.Peer() != peer {
					return s, false, nil
				}
				return s, true, nil
			}
		}
	}
}

// exactly is the struct inet_diag_req_v2 for one socket.
func exactly(local, peer netip.AddrPort) []byte {
	family := uint8(unix.AF_INET)
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	b := []byte{family, unix.IPPROTO_TCP, 0, 0}
	b = native.AppendUint32(b, Set().mask())
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, peer.Port())
	for _, a := range []netip.Addr{local.Addr(), peer.Addr()} {
		raw := make([]byte, 16)
		copy(raw, a.AsSlice())
		b = append(b, raw...)
	}
	b = native.AppendUint32(b, 0)
	return append(b, 255, 255, 255, 255, 255, 255, 255, 255) // any cookie
}
