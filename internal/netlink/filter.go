package netlink

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// The filter's language: struct inet_diag_bc_op {code, yes uint8; no uint16}, where yes and no are how many bytes to go
// on by. Running exactly to the end accepts a socket, running 4 past it refuses it (net/ipv4/inet_diag.c). What an op
// compares with stands behind it.
const (
	attrBytecode = 1

	opJump      = 1 // always takes its "no"
	opLocal     = 7 // INET_DIAG_BC_S_COND: a struct inet_diag_hostcond
	opPeer      = 8 // INET_DIAG_BC_D_COND
	opInterface = 9 // INET_DIAG_BC_DEV_COND: a number

	opHead = 4
)

// A test is one op with what it compares with, and a clause is tests of which one is to hold.
type (
	test struct {
		code uint8
		with []byte
	}
	clause []test
)

// appendFilter appends the filter for what the request cannot say itself, so that the kernel skips what nobody asked for.
func (q *Query) appendFilter(b []byte) []byte {
	code := compile(q.clauses())
	if len(code) == 0 {
		return b
	}
	b = native.AppendUint16(b, uint16(unix.SizeofNlAttr+len(code)))
	b = native.AppendUint16(b, attrBytecode)
	return append(b, code...)
}

// clauses are what all have to hold.
func (q *Query) clauses() (all []clause) {
	either := func(cond []byte) { all = append(all, clause{{opLocal, cond}, {opPeer, cond}}) }
	if q.Port != 0 {
		either(hostCond(netip.Addr{}, q.Port))
	}
	if q.Addr.IsValid() {
		either(hostCond(q.addr(), q.AddrPort))
	}
	if q.Iface != 0 {
		all = append(all, clause{{opInterface, native.AppendUint32(nil, q.Iface)}})
	}
	return all
}

// hostCond is a struct inet_diag_hostcond: an address, IPv4 also inside an IPv6 socket, and a port; -1 is any port.
func hostCond(addr netip.Addr, port uint16) []byte {
	family, want := uint8(unix.AF_UNSPEC), int32(-1)
	if addr.Is4() {
		family = unix.AF_INET
	} else if addr.Is6() {
		family = unix.AF_INET6
	}
	if port != 0 {
		want = int32(port)
	}
	b := []byte{family, uint8(addr.BitLen()), 0, 0}
	b = native.AppendUint32(b, uint32(want))
	return append(b, addr.AsSlice()...)
}

// compile lays clauses out one after the other. A test that does not hold goes on with the next test, and the last of a
// clause with the refusal; one that holds goes on with what stands behind it, which is a jump to the next clause. The kernel
// wants each op to be where one comes by going on from op to op as if all held.
func compile(all []clause) (code []byte) {
	size := 0
	for _, c := range all {
		size += c.size()
	}
	op := func(kind uint8, yes, no int) {
		code = append(code, kind, uint8(yes))
		code = native.AppendUint16(code, uint16(no))
	}
	for _, c := range all {
		end := len(code) + c.size()
		for i, t := range c {
			own := opHead + len(t.with)
			if i == len(c)-1 {
				op(t.code, own, size-len(code)+4)
				code = append(code, t.with...)
				continue
			}
			op(t.code, own, own+opHead)
			code = append(code, t.with...)
			op(opJump, opHead, end-len(code))
		}
	}
	return code
}

// size is that of its ops, and of a jump after each but the last.
func (c clause) size() int {
	n := opHead * (len(c) - 1)
	for _, t := range c {
		n += opHead + len(t.with)
	}
	return n
}
