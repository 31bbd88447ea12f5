package netlink

import "fmt"

// A State is where a TCP socket is in RFC 9293's machine, by the kernel's numbers (include/net/tcp_states.h).
type State uint8

const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	Closing
)

const (
	// newSynRecv is how the kernel keeps a half-open connection since Linux 4.4: a small request socket beside the
	// listener. inet_diag reports it as SYN_RECV, and so does State.
	newSynRecv = 12

	// boundInactive is no state of TCP: it asks, since Linux 6.8, for sockets that are bound and neither listen nor
	// are connected. They are reported with the state they have, CLOSE.
	boundInactive = 13
)

// States are all of them, in the kernel's order.
func States() []State {
	all := make([]State, 0, Closing)
	for s := Established; s <= Closing; s++ {
		all = append(all, s)
	}
	return all
}

// String is the kernel's name: "ESTABLISHED", "TIME_WAIT".
func (s State) String() string {
	switch s {
	case Established:
		return "ESTABLISHED"
	case SynSent:
		return "SYN_SENT"
	case SynRecv:
		return "SYN_RECV"
	case FinWait1:
		return "FIN_WAIT1"
	case FinWait2:
		return "FIN_WAIT2"
	case TimeWait:
		return "TIME_WAIT"
	case Close:
		return "CLOSE"
	case CloseWait:
		return "CLOSE_WAIT"
	case LastAck:
		return "LAST_ACK"
	case Listen:
		return "LISTEN"
	case Closing:
		return "CLOSING"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// A StateSet is a set of states; the empty one stands for all of them.
type StateSet uint32

// Set is the set of the given states.
func Set(states ...State) StateSet {
	var set StateSet
	for _, s := range states {
		set |= 1 << s
	}
	return set
}

// Has says whether the state is in the set.
func (set StateSet) Has(s State) bool { return set == 0 || set&(1<<s) != 0 }

// mask is the set as the kernel is asked for it.
func (set StateSet) mask() uint32 {
	m := uint32(set)
	if m == 0 {
		m = 1<<(Closing+1) - 2
	}
	if m&(1<<SynRecv) != 0 {
		m |= 1 << newSynRecv
	}
	if m&(1<<Close) != 0 {
		m |= 1 << boundInactive
	}
	return m
}
