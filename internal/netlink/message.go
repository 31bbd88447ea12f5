package netlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Netlink is in the machine's own byte order, but for ports and addresses inside sock_diag's messages.
var native = binary.NativeEndian

// appendHeader appends a struct nlmsghdr for a payload of n bytes.
func appendHeader(b []byte, typ, flags uint16, seq uint32, n int) []byte {
	b = native.AppendUint32(b, uint32(unix.SizeofNlMsghdr+n))
	b = native.AppendUint16(b, typ)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, seq)
	return native.AppendUint32(b, 0) // the kernel knows which socket asks
}

// A message is one netlink message inside a datagram.
type message struct {
	typ, flags uint16
	seq        uint32
	payload    []byte
}

// nextMessage splits the first message off b. ok is false at the end, and where what is left is no message: a header
// that is cut, or a length that is less than a header's or more than there is.
func nextMessage(b []byte) (m message, rest []byte, ok bool) {
	if len(b) < unix.SizeofNlMsghdr {
		return message{}, nil, false
	}
	n := int(native.Uint32(b))
	if n < unix.SizeofNlMsghdr || n > len(b) {
		return message{}, nil, false
	}
	m = message{
		typ:     native.Uint16(b[4:]),
		flags:   native.Uint16(b[6:]),
		seq:     native.Uint32(b[8:]),
		payload: b[unix.SizeofNlMsghdr:n],
	}
	return m, b[min(align4(n), len(b)):], true
}

// nextAttr splits the first attribute (struct nlattr) off b; ok as in nextMessage.
func nextAttr(b []byte) (typ uint16, value, rest []byte, ok bool) {
	if len(b) < unix.SizeofNlAttr {
		return 0, nil, nil, false
	}
	n := int(native.Uint16(b))
	if n < unix.SizeofNlAttr || n > len(b) {
		return 0, nil, nil, false
	}
	typ = native.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	return typ, b[unix.SizeofNlAttr:n], b[min(align4(n), len(b)):], true
}

// errno reads the error number out of an NLMSG_ERROR or NLMSG_DONE payload. The kernel writes it negated; 0 is an
// acknowledgement.
func errno(payload []byte) unix.Errno {
	if len(payload) < 4 {
		return 0
	}
	n := int32(native.Uint32(payload))
	if n < 0 {
		n = -n
	}
	return unix.Errno(n)
}

func align4(n int) int { return (n + 3) &^ 3 }
