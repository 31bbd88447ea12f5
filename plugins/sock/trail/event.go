package trail

import (
	"cmp"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
)

// An Event is one thing that happened. Which fields it has depends on its Kind: "state", "packet", "call" or "mark".
type Event struct {
	Time        time.Time
	Kind        string
	Where       string
	Local, Peer netip.AddrPort // of a state's and a call's socket; a packet's source and destination

	Side     string // "client" or "server"
	From, To netlink.State
	How      string
	Seen     bool

	Packet   *Packet
	Seq, Ack uint32 // counted from the first of that direction, if that was seen

	sent bool

	Till time.Time // when a call returned
	Text string    // a call's name, a mark's text
}

// Events are all of them, in the order of their time.
func (r *Record) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Event
	for _, c := range r.all {
		for side := range c.ends {
			out = c.events(side, out)
		}
	}
	out = append(out, r.packetEvents()...)
	out = append(out, r.notes...)
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Or(a.Time.Compare(b.Time), late(a.sent)-late(b.sent)) })
	return out
}

func (c *Connection) events(side int, out []Event) []Event {
	local, peer, name := c.Client, c.Server, "client"
	if side == 1 {
		local, peer, name = peer, local, "server"
	}
	e := &c.ends[side]
	for _, s := range e.fold() {
		out = append(out, Event{Time: s.Time, Kind: "state", Where: e.place(), Local: local, Peer: peer, Side: name,
			From: s.From, To: s.To, How: s.How, Seen: s.Seen, sent: s.sent})
	}
	return out
}

// packetEvents count sequence numbers from the first of each direction.
func (r *Record) packetEvents() []Event {
	packets := make([]*Packet, len(r.packets))
	for i := range r.packets {
		packets[i] = &r.packets[i]
	}
	slices.SortStableFunc(packets, func(a, b *Packet) int { return a.Time.Compare(b.Time) })
	type way struct{ src, dst netip.AddrPort }
	first := map[way]uint32{}
	out := make([]Event, 0, len(packets))
	for _, p := range packets {
		e := Event{Time: p.Time, Kind: "packet", Where: p.Where, Local: p.Src, Peer: p.Dst, Packet: p}
		if p.IsTCP() {
			there, back := way{p.Src, p.Dst}, way{p.Dst, p.Src}
			if _, known := first[there]; !known || p.TCP.Has(packet.SYN) {
				first[there] = p.TCP.Seq
			}
			e.Seq, e.Ack = p.TCP.Seq-first[there], p.TCP.Ack
			if isn, known := first[back]; known {
				e.Ack -= isn
			} else if p.TCP.Has(packet.ACK) {
				first[back] = p.TCP.Ack
				e.Ack = 0
			}
		}
		out = append(out, e)
	}
	return out
}

// A Path is the states that the two ends of one connection went through.
type Path struct {
	Client, Server netip.AddrPort
	Where          [2]string
	Steps          [2][]Step
}

// Paths are those of all connections, in the order in which they began.
func (r *Record) Paths() []Path {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Path, 0, len(r.all))
	for _, c := range r.all {
		p := Path{Client: c.Client, Server: c.Server}
		for side := range c.ends {
			p.Where[side], p.Steps[side] = c.ends[side].place(), c.ends[side].fold()
		}
		if len(p.Steps[0])+len(p.Steps[1]) > 0 {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Path) int { return a.Start().Compare(b.Start()) })
	return out
}

// Start is the time of the first step.
func (p *Path) Start() time.Time {
	var first time.Time
	for _, steps := range p.Steps {
		if len(steps) > 0 && (first.IsZero() || steps[0].Time.Before(first)) {
			first = steps[0].Time
		}
	}
	return first
}

// Has says whether an address is one of its ends.
func (p *Path) Has(addr netip.AddrPort) bool { return p.Client == addr || p.Server == addr }

// A moment is a step and whose it is.
type moment struct {
	Step
	side int
	till time.Time // when the next step of that end came; zero if none did
}

// moments are the steps of both ends in the order of their time.
func (p *Path) moments() []moment {
	var out []moment
	for side, steps := range p.Steps {
		for i, s := range steps {
			m := moment{Step: s, side: side}
			if i+1 < len(steps) {
				m.till = steps[i+1].Time
			}
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b moment) int { return cmp.Or(a.Time.Compare(b.Time), late(a.sent)-late(b.sent), a.side-b.side) })
	return out
}

func late(sent bool) int {
	if sent {
		return 0
	}
	return 1
}

// PacketEvents are the packets alone, in the order of their time.
func (r *Record) PacketEvents() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packetEvents()
}

// WritePackets writes the packets as a pcapng file.
func (r *Record) WritePackets(to io.Writer) error {
	all := r.PacketEvents()
	seen := make([]packet.Seen, len(all))
	for i := range all {
		seen[i] = packet.Seen{Where: all[i].Where, Packet: &all[i].Packet.Packet}
	}
	return packet.Write(to, seen)
}
