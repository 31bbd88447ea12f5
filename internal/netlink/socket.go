package netlink

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of struct inet_diag_msg and of the struct inet_diag_sockid inside it (linux/inet_diag.h).
const (
	sizeofDiagMsg = 72
	sizeofSockID  = 48
)

// Attributes of a dumped socket (linux/inet_diag.h).
const (
	attrSKMemInfo = 7

	// memDrops is where the drops are in the array of INET_DIAG_SKMEMINFO: SK_MEMINFO_DROPS, since Linux 4.12
	// (linux/sock_diag.h).
	memDrops = 8
)

// A Socket is one row of the kernel's table. It holds no pointers, so that a hundred thousand of them cost the
// garbage collector nothing.
type Socket struct {
	local, peer         [16]byte // the first 4 bytes for IPv4
	localPort, peerPort uint16

	Family  uint8 // unix.AF_INET or AF_INET6
	State   State
	Timer   Timer
	Retrans uint8  // how often the timer has run out: retransmissions, keepalive or window probes
	Expires uint32 // milliseconds until the timer runs out
	RQueue  uint32 // bytes to read; for a listener the connections that wait to be accepted
	WQueue  uint32 // bytes not acknowledged; for a listener the most that may wait
	UID     uint32
	Inode   uint32 // 0 once no process holds it (TIME_WAIT, SYN_RECV, an orphan)
	Iface   uint32 // the interface it is bound to, or 0

	// drops is one more than how many segments the socket has dropped since it was made; 0 is unknown.
	drops  uint32
	cookie uint64
}

// Drops is how many segments the socket has dropped since it was made, if the Query asked and the kernel told. Of a
// listener these are the SYNs, and the last ACKs of handshakes, for which it had no room: its share of
// TcpExt.ListenDrops. With TCP_DEFER_ACCEPT the ACKs that bring no data are among them, too.
func (s *Socket) Drops() (n uint32, told bool) {
	if s.drops == 0 {
		return 0, false
	}
	return s.drops - 1, true
}

// A Timer is what a socket waits for, by idiag_timer's numbers.
type Timer uint8

// String is the timer's name as ss(8) shows it: "" for none, "on" for retransmission, "keepalive", "timewait",
// "persist" for the probes of a closed window.
func (t Timer) String() string {
	switch t {
	case 0:
		return ""
	case 1:
		return "on"
	case 2:
		return "keepalive"
	case 3:
		return "timewait"
	case 4:
		return "persist"
	}
	return "timer " + strconv.Itoa(int(t))
}

// Local is the socket's own address. An IPv4 address in an IPv6 socket is shown as IPv4; Family says what it is.
func (s *Socket) Local() netip.AddrPort { return s.addrPort(&s.local, s.localPort) }

// Peer is the other end's address; port 0 when there is none.
func (s *Socket) Peer() netip.AddrPort { return s.addrPort(&s.peer, s.peerPort) }

// LocalPort and PeerPort are the ports alone.
func (s *Socket) LocalPort() uint16 { return s.localPort }
func (s *Socket) PeerPort() uint16  { return s.peerPort }

// Cookie names the socket among all that the kernel has ever had, also when its ports are used again; 0 when the
// kernel gave none. A connection keeps it from SYN_RECV to TIME_WAIT.
func (s *Socket) Cookie() uint64 { return s.cookie }

// TimeLeft is the time until the timer runs out.
func (s *Socket) TimeLeft() time.Duration { return time.Duration(s.Expires) * time.Millisecond }

func (s *Socket) addrPort(a *[16]byte, port uint16) netip.AddrPort {
	if s.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(*a).Unmap(), port)
}

// parseSocket reads a struct inet_diag_msg, without the attributes after it. It is false for what is too short to be one, or
// has a family or a state that does not exist.
func parseSocket(b []byte, s *Socket) bool {
	state, cookie, ok := parseState(b)
	if !ok {
		return false
	}
	*s = Socket{Family: b[0], State: state, Timer: Timer(b[2]), Retrans: b[3], cookie: cookie}
	id := b[4 : 4+sizeofSockID]
	s.localPort = binary.BigEndian.Uint16(id)
	s.peerPort = binary.BigEndian.Uint16(id[2:])
	copy(s.local[:], id[4:20])
	copy(s.peer[:], id[20:36])
	s.Iface = native.Uint32(id[36:])
	rest := b[4+sizeofSockID:]
	s.Expires = native.Uint32(rest)
	s.RQueue = native.Uint32(rest[4:])
	s.WQueue = native.Uint32(rest[8:])
	s.UID = native.Uint32(rest[12:])
	s.Inode = native.Uint32(rest[16:])
	return true
}

// parseState reads no more of it than the state and the cookie.
func parseState(b []byte) (state State, cookie uint64, ok bool) {
	if len(b) < sizeofDiagMsg || b[0] != unix.AF_INET && b[0] != unix.AF_INET6 {
		return 0, 0, false
	}
	state = State(b[1])
	if state == newSynRecv {
		state = SynRecv
	}
	// Two 32-bit halves, the low one first, on every machine.
	cookie = uint64(native.Uint32(b[44:])) | uint64(native.Uint32(b[48:]))<<32
	if cookie == ^uint64(0) { // INET_DIAG_NOCOOKIE
		cookie = 0
	}
	return state, cookie, state >= Established && state <= Closing
}

// parseDrops reads the one attribute that belongs to a row. Attributes that are unknown or cut are passed over.
func parseDrops(b []byte, s *Socket) {
	for {
		typ, value, rest, ok := nextAttr(b)
		if !ok {
			return
		}
		if typ == attrSKMemInfo && len(value) >= 4*(memDrops+1) {
			s.drops = native.Uint32(value[4*memDrops:]) + 1
		}
		b = rest
	}
}
