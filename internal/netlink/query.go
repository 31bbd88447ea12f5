package netlink

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Query says which sockets are meant. The zero Query is every TCP socket, over IPv4 and IPv6, in every state.
type Query struct {
	Family    uint8 // unix.AF_INET, unix.AF_INET6, or 0 for both
	Protocol  uint8 // unix.IPPROTO_TCP (also 0) or unix.IPPROTO_UDP
	States    StateSet
	Port      uint16     // at either end
	LocalPort uint16     // 0 is any
	PeerPort  uint16     // 0 is any
	Addr      netip.Addr // at either end, IPv4 also inside an IPv6 socket; the zero Addr is any
	AddrPort  uint16     // the port at that same end; 0 is any
	Iface     uint32     // the number of the interface that it is bound to; 0 is any, or none
	Drops     bool       // ask for what each socket has dropped, too; it makes the answer a third longer
	Details   bool       // ask for everything: a Sink that is a DetailSink gets it
}

// Matches says whether the socket is one that the query means. The kernel is asked the same, for speed; what it
// cannot be asked is decided here, and what it answers beyond the question is dropped here.
func (q *Query) Matches(s *Socket) bool {
	switch {
	case !q.States.Has(s.State):
		return false
	case q.Port != 0 && s.localPort != q.Port && s.peerPort != q.Port:
		return false
	case q.LocalPort != 0 && s.localPort != q.LocalPort:
		return false
	case q.PeerPort != 0 && s.peerPort != q.PeerPort:
		return false
	case q.Iface != 0 && s.Iface != q.Iface:
		return false
	case q.Addr.IsValid():
		return q.isAt(s.Local()) || q.isAt(s.Peer())
	}
	return true
}

// all says that the query means every socket, but for its state.
func (q *Query) all() bool {
	return q.Port == 0 && q.LocalPort == 0 && q.PeerPort == 0 && !q.Addr.IsValid() && q.Iface == 0
}

// Halves are the query for sockets that are connected or listen, and the one for those that are only bound: the kernel has
// them in different tables, and walks all of each. They are two where few sockets are meant, and of both kinds.
func (q *Query) Halves() (hashed, bound Query, two bool) {
	if q.all() || q.Protocol == unix.IPPROTO_UDP || q.States != 0 {
		return *q, Query{}, false
	}
	hashed, bound = *q, *q
	hashed.States, bound.States = Set(States()...)&^Set(Close), Set(Close)
	return hashed, bound, true
}

// isAt says whether an end is at the wanted address.
func (q *Query) isAt(end netip.AddrPort) bool {
	return end.Addr() == q.addr() && (q.AddrPort == 0 || end.Port() == q.AddrPort)
}

// addr is the wanted address as the kernel has it.
func (q *Query) addr() netip.Addr { return q.Addr.Unmap().WithZone("") }

// families are the dumps to ask for. Of TCP the kernel gives both in one, to the question of before Linux 3.3, which it
// still answers (inet_diag_dump_compat); that goes through its table once instead of twice.
func (q *Query) families() []uint8 {
	switch {
	case q.Family != 0:
		return []uint8{q.Family}
	case q.Protocol == 0 || q.Protocol == unix.IPPROTO_TCP:
		return []uint8{unix.AF_UNSPEC}
	}
	return []uint8{unix.AF_INET, unix.AF_INET6}
}

// tcpDiag is TCPDIAG_GETSOCK (linux/inet_diag.h), the question for TCP of both families.
const tcpDiag = 18

// request is the question for a family: its type, and struct inet_diag_req_v2, or for both struct inet_diag_req, with the
// filter for what those cannot say.
func (q *Query) request(family uint8) (typ uint16, b []byte) {
	ext := byte(0) // the row itself says most of what nsh shows
	if q.Drops || q.Details {
		ext |= 1 << (attrSKMemInfo - 1)
	}
	if q.Details {
		ext |= 1<<(attrInfo-1) | 1<<(attrCong-1)
	}
	if family == unix.AF_UNSPEC {
		b = q.appendID([]byte{family, 0, 0, ext})
		b = native.AppendUint32(b, q.States.mask())
		b = native.AppendUint32(b, 0)
		return tcpDiag, q.appendFilter(b)
	}
	proto := q.Protocol
	if proto == 0 {
		proto = unix.IPPROTO_TCP
	}
	b = native.AppendUint32([]byte{family, proto, ext, 0}, q.States.mask())
	return unix.SOCK_DIAG_BY_FAMILY, q.appendFilter(q.appendID(b))
}

// appendID appends struct inet_diag_sockid. Its ports are a filter of their own, also in a dump; zero is any.
func (q *Query) appendID(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, q.LocalPort)
	b = binary.BigEndian.AppendUint16(b, q.PeerPort)
	b = append(b, make([]byte, 36)...) // addresses and interface: any
	return append(b, 255, 255, 255, 255, 255, 255, 255, 255)
}
