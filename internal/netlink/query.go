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
	Drops     bool       // ask for what each socket has dropped, too; it makes the answer a third longer
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
	case q.Addr.IsValid():
		want := q.Addr.Unmap().WithZone("")
		return s.Local().Addr() == want || s.Peer().Addr() == want
	}
	return true
}

// families are the dumps to ask for: the kernel gives one family at a time.
func (q *Query) families() []uint8 {
	if q.Family != 0 {
		return []uint8{q.Family}
	}
	return []uint8{unix.AF_INET, unix.AF_INET6}
}

// request builds struct inet_diag_req_v2 and, where a port may be at either end, the filter for it.
func (q *Query) request(family uint8) []byte {
	proto := q.Protocol
	if proto == 0 {
		proto = unix.IPPROTO_TCP
	}
	b := []byte{family, proto, 0, 0} // the row itself says most of what nsh shows
	if q.Drops {
		b[2] = 1 << (attrSKMemInfo - 1)
	}
	b = native.AppendUint32(b, q.States.mask())
	// A port in the request's socket id is a filter of its own, also in a dump; zero is any.
	b = binary.BigEndian.AppendUint16(b, q.LocalPort)
	b = binary.BigEndian.AppendUint16(b, q.PeerPort)
	b = append(b, make([]byte, 36)...) // addresses and interface: any
	b = append(b, 255, 255, 255, 255, 255, 255, 255, 255)
	if q.Port != 0 {
		b = appendEitherPort(b, q.Port)
	}
	return b
}

// The filter's language: struct inet_diag_bc_op {code, yes uint8; no uint16}, where yes and no are how many bytes to go
// on by. Running exactly to the end accepts a socket, running 4 past it refuses it (net/ipv4/inet_diag.c).
const (
	attrBytecode = 1

	opJump    = 1
	opLocalGE = 2
	opLocalLE = 3
	opPeerGE  = 4
	opPeerLE  = 5
)

// appendEitherPort appends a filter for sockets that have the port at one of their ends. A comparison takes two ops;
// the second holds the port. There is no "equal" before Linux 4.20, so it is "at least" and "at most".
func appendEitherPort(b []byte, port uint16) []byte {
	const size = 9 * 4
	b = native.AppendUint16(b, unix.SizeofNlAttr+size)
	b = native.AppendUint16(b, attrBytecode)
	op := func(code, yes uint8, no uint16) {
		b = append(b, code, yes)
		b = native.AppendUint16(b, no)
	}
	compare := func(code uint8, no uint16) {
		op(code, 8, no)
		op(0, 0, port)
	}
	compare(opLocalGE, 20) //  0: less → 20
	compare(opLocalLE, 12) //  8: more → 20
	op(opJump, 4, 20)      // 16: it is the local port → accept
	compare(opPeerGE, 20)  // 20: less → refuse
	compare(opPeerLE, 12)  // 28: more → refuse
	return b
}
