package sys

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// A beside is what came with a datagram: cmsg(3). The kernel gives what setsockopt has asked for.
type beside struct {
	TTL      int    `lua:"ttl,omitempty"`      // with IP_RECVTTL or IPV6_RECVHOPLIMIT
	Error    string `lua:"error,omitempty"`    // with IP_RECVERR and MSG_ERRQUEUE: the errno's name,
	Offender string `lua:"offender,omitempty"` // and which host's ICMP message said so
}

// readBeside reads control messages.
func readBeside(control []byte) (b beside) {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return b
	}
	for _, m := range list {
		level, typ := int(m.Header.Level), int(m.Header.Type)
		switch {
		case level == unix.IPPROTO_IP && typ == unix.IP_TTL, level == unix.IPPROTO_IPV6 && typ == unix.IPV6_HOPLIMIT:
			if len(m.Data) >= 4 {
				b.TTL = int(int32(binary.NativeEndian.Uint32(m.Data)))
			}
		case level == unix.IPPROTO_IP && typ == unix.IP_RECVERR, level == unix.IPPROTO_IPV6 && typ == unix.IPV6_RECVERR:
			b.readError(m.Data)
		}
	}
	return b
}

// readError reads struct sock_extended_err, which the offender's address follows (ip(7), IP_RECVERR).
func (b *beside) readError(data []byte) {
	const size = 16
	if len(data) < size {
		return
	}
	b.Error = unix.ErrnoName(syscall.Errno(binary.NativeEndian.Uint32(data)))
	switch from := data[size:]; {
	case len(from) >= unix.SizeofSockaddrInet4 && binary.NativeEndian.Uint16(from) == unix.AF_INET:
		b.Offender = netip.AddrFrom4([4]byte(from[4:8])).String()
	case len(from) >= unix.SizeofSockaddrInet6 && binary.NativeEndian.Uint16(from) == unix.AF_INET6:
		b.Offender = netip.AddrFrom16([16]byte(from[8:24])).String()
	}
}
