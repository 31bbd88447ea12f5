package trail

import (
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
)

// none is the state of a socket of which nothing is known yet.
const none = netlink.State(0)

// A machine is one end's side of RFC 9293's state machine (figure 5), driven by the segments that it sends and receives,
// as Linux goes through it: an acknowledgement and a FIN in one segment are two steps.
type machine struct {
	state netlink.State
	iss   uint32 // the first sequence number sent
	fin   uint32 // what acknowledges our FIN
	ended bool   // our FIN has been sent
}

// segment is told of a segment, and lists the states that it leads to.
func (m *machine) segment(s *segment) (steps []netlink.State) {
	before := m.state
	if s.sent {
		m.sent(s)
		if m.state != before {
			steps = append(steps, m.state)
		}
		return steps
	}
	for _, part := range []func(*segment){m.receivedOpening, m.receivedACK, m.receivedFIN} {
		part(s)
		if m.state != before {
			steps, before = append(steps, m.state), m.state
		}
	}
	return steps
}

func (m *machine) sent(s *segment) {
	t := &s.tcp
	switch {
	case t.Has(packet.RST):
		if m.state != none && m.state != netlink.TimeWait && m.state != netlink.Listen {
			m.state = netlink.Close
		}
	case t.Has(packet.SYN):
		m.iss = t.Seq
		switch {
		case t.Has(packet.ACK) && (m.state == none || m.state == netlink.SynSent):
			m.state = netlink.SynRecv
		case !t.Has(packet.ACK) && m.state == none:
			m.state = netlink.SynSent
		}
	case t.Has(packet.FIN):
		m.fin, m.ended = t.Seq+uint32(s.len)+1, true
		switch m.state {
		case netlink.Established, netlink.SynRecv:
			m.state = netlink.FinWait1
		case netlink.CloseWait:
			m.state = netlink.LastAck
		}
	}
}

// receivedOpening is about SYN and RST.
func (m *machine) receivedOpening(s *segment) {
	t := &s.tcp
	switch {
	case t.Has(packet.RST):
		if m.state != none && m.state != netlink.TimeWait && (m.state != netlink.SynSent || t.Has(packet.ACK)) {
			m.state = netlink.Close
		}
	case t.Has(packet.SYN | packet.ACK):
		if m.state == netlink.SynSent || m.state == netlink.SynRecv {
			m.state = netlink.Established
		}
	case t.Has(packet.SYN):
		if m.state == netlink.SynSent {
			m.state = netlink.SynRecv // both have opened at the same time
		}
	}
}

func (m *machine) receivedACK(s *segment) {
	t := &s.tcp
	if !t.Has(packet.ACK) || t.Flags&(packet.SYN|packet.RST) != 0 {
		return
	}
	if m.state == netlink.SynRecv && before(m.iss, t.Ack) {
		m.state = netlink.Established
	}
	if !m.ended || before(t.Ack, m.fin) {
		return
	}
	switch m.state {
	case netlink.FinWait1:
		m.state = netlink.FinWait2
	case netlink.Closing:
		m.state = netlink.TimeWait
	case netlink.LastAck:
		m.state = netlink.Close
	}
}

func (m *machine) receivedFIN(s *segment) {
	if !s.tcp.Has(packet.FIN) || s.tcp.Has(packet.RST) {
		return
	}
	switch m.state {
	case netlink.Established, netlink.SynRecv:
		m.state = netlink.CloseWait
	case netlink.FinWait1:
		m.state = netlink.Closing
	case netlink.FinWait2:
		m.state = netlink.TimeWait
	}
}
