package trail

import (
	"github.com/nsh-lab/nsh/internal/packet"
)

// Packet is told of a packet. The Record keeps what tells of states: what opens, ends or resets a connection, and the
// acknowledgements of that; and everything, if it was made so.
func (r *Record) Packet(where string, p *packet.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keep {
		r.keepPacket(where, p)
	}
	if r.alone || !p.IsTCP() || p.Offset > 0 {
		return
	}
	key := pairOf(p.Src, p.Dst)
	c := r.pairs[key]
	opens := p.TCP.Has(packet.SYN) && !p.TCP.Has(packet.ACK)
	switch {
	case c == nil && p.TCP.Has(packet.RST):
		return // the rest of something
	case c == nil, opens && c.over && c.begins(p):
		if c = r.add(key, p.Src, p.Dst, p.Time); c == nil {
			return
		}
	}
	if opens && !c.hasISN[0] && !c.hasISN[1] {
		c.asClient(p.Src)
	}
	c.packet(where, p)
}

func (r *Record) keepPacket(where string, p *packet.Packet) {
	if len(r.packets) >= mostPackets || r.bytes >= mostBytes {
		r.left++
		return
	}
	r.bytes += len(p.Frame)
	r.packets = append(r.packets, Packet{where, *p})
}

// begins says whether a SYN is the first one of another connection between the same addresses.
func (c *Connection) begins(p *packet.Packet) bool {
	side := c.end(p.Src)
	return !c.hasISN[side] || c.isn[side] != p.TCP.Seq
}

// packet notes a segment with both of its ends, if it says something about them.
func (c *Connection) packet(where string, p *packet.Packet) {
	side := c.end(p.Src)
	if !c.tells(side, p) {
		return
	}
	s := segment{at: p.Time, where: where, tcp: p.TCP, len: p.Len}
	if p.Out || p.Loop {
		s.sent = true
		c.ends[side].segments = append(c.ends[side].segments, s)
	}
	if !p.Out {
		s.sent = false
		c.ends[1-side].segments = append(c.ends[1-side].segments, s)
	}
}

// tells says whether a segment may change a state. A packet is met more than once, where it is sent and where it
// arrives; so acknowledgements count until the end of the other direction has gone by in both.
func (c *Connection) tells(side int, p *packet.Packet) bool {
	t, other := &p.TCP, 1-side
	flagged := t.Flags&(packet.SYN|packet.FIN|packet.RST) != 0
	switch {
	case t.Has(packet.RST):
		c.over = true
	case t.Has(packet.SYN):
		c.isn[side], c.hasISN[side] = t.Seq, true
	case t.Has(packet.FIN):
		c.fin[side], c.hasFIN[side] = t.Seq+uint32(p.Len)+1, true
		c.over = c.over || c.hasFIN[other]
	}
	if flagged || !t.Has(packet.ACK) {
		return flagged
	}
	const few = 8 // of each kind: seen at both ends, sent again
	if c.hasFIN[other] && !before(t.Ack, c.fin[other]) {
		return count(&c.acks[side][1], few)
	}
	if c.hasISN[other] && !c.hasFIN[other] {
		return count(&c.acks[side][0], few)
	}
	return false
}

// count counts up to a limit.
func count(n *int, most int) bool {
	*n++
	return *n <= most
}

// before compares sequence numbers, which go round.
func before(a, b uint32) bool { return int32(a-b) < 0 }
