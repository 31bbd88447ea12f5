package trail

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
)

// The columns of a ladder: its time, the two lifelines, and what follows the right one.
const (
	ladderLeft  = 14
	ladderRight = 70
)

// A rung is one packet on the ladder: where it was sent, and where it arrived.
type rung struct {
	Event
	arrived time.Time // zero: not seen to
	lost    bool      // it was seen to leave, and where it would have arrived somebody looked
}

// DrawLadder draws packets between two lifelines, with the states, calls and marks in their places, in the order of their
// time. The lifelines are the two addresses of most packets; what is between others is named.
func DrawLadder(events []Event) [][]show.Run {
	ends, ok := lifelines(events)
	if !ok {
		return [][]show.Run{{{Text: "no packets"}}}
	}
	l := &ladder{ends: ends, start: events[0].Time}
	l.lines = append(l.lines, []show.Run{
		{Text: strings.Repeat(" ", ladderLeft)}, {Text: padded(ends[0].String(), ladderRight-ladderLeft-show.Width(ends[1].String())+1), Style: clientStyle},
		{Text: ends[1].String(), Style: serverStyle}})
	rungs := pairRungs(events)
	for i := range rungs {
		l.draw(&rungs[i])
	}
	return l.lines
}

// lifelines are the two addresses between which most packets went, or their ports apart if it was one connection; the
// sender of the first one is on the left.
func lifelines(events []Event) (ends [2]line, ok bool) {
	hosts, flows := map[[2]netip.Addr]int{}, map[pair]int{}
	best := 0
	for i := range events {
		e := &events[i]
		if e.Kind != "packet" || !e.Local.IsValid() {
			continue
		}
		key := pairOf(netip.AddrPortFrom(e.Local.Addr(), 0), netip.AddrPortFrom(e.Peer.Addr(), 0))
		both := [2]netip.Addr{key[0].Addr(), key[1].Addr()}
		hosts[both]++
		if e.Local.Port() != 0 {
			flows[pairOf(e.Local, e.Peer)]++
		}
		if hosts[both] > best || both[0] == both[1] && hosts[both] >= best {
			best = hosts[both]
			if !ok || !ends[0].is(e.Local) && !ends[0].is(e.Peer) {
				ends = [2]line{{addr: e.Local}, {addr: e.Peer}}
			}
			ok = true
		}
	}
	if len(flows) != 1 && ends[0].addr.Addr() != ends[1].addr.Addr() {
		ends[0].all, ends[1].all = true, true
	}
	if len(flows) > 1 && !ends[0].all { // several connections on one address: the one port that they share
		server := shared(flows)
		ends = [2]line{{addr: ends[0].addr, not: server}, {addr: netip.AddrPortFrom(ends[1].addr.Addr(), server)}}
	}
	return ends, ok
}

// shared is the port that most flows have.
func shared(flows map[pair]int) uint16 {
	n, most, port := map[uint16]int{}, 0, uint16(0)
	for f := range flows {
		for _, a := range f {
			n[a.Port()]++
			if n[a.Port()] > most || n[a.Port()] == most && a.Port() < port {
				most, port = n[a.Port()], a.Port()
			}
		}
	}
	return port
}

// A line is one end: an address and a port, all ports of an address (all), or all but one (not).
type line struct {
	addr netip.AddrPort
	all  bool
	not  uint16
}

func (l line) is(a netip.AddrPort) bool {
	switch {
	case l.all:
		return a.Addr() == l.addr.Addr()
	case l.not != 0:
		return a.Addr() == l.addr.Addr() && a.Port() != l.not
	}
	return a == l.addr
}

func (l line) String() string {
	if l.all || l.not != 0 {
		return l.addr.Addr().String()
	}
	return l.addr.String()
}

// pairRungs joins the two sightings of a packet, where it left and where it arrived.
func pairRungs(events []Event) []rung {
	type key struct {
		src, dst      netip.AddrPort
		seq, ack      uint32
		flags         uint8
		id, len, off  int
		name          string
		kind, arpKind int
	}
	left, came, seenIn := map[key][]int{}, map[key][]int{}, map[netip.Addr]bool{}
	var out []rung
	for i := range events {
		e := events[i]
		if e.Kind != "packet" || e.Packet.Loop {
			out = append(out, rung{Event: e})
			continue
		}
		p := e.Packet
		k := key{p.Src, p.Dst, p.TCP.Seq, p.TCP.Ack, p.TCP.Flags, p.ID, p.Len, p.Offset, p.Name, int(p.ICMP[0]), p.ARP.Op}
		mine, other := left, came
		if !p.Out {
			mine, other = came, left
			seenIn[p.Dst.Addr()] = true
		}
		if list := other[k]; len(list) > 0 { // its other sighting; clocks of a moment's difference may have it first
			out[list[0]].arrived = e.Time
			other[k] = list[1:]
			continue
		}
		mine[k] = append(mine[k], len(out))
		out = append(out, rung{Event: e})
	}
	for _, list := range left {
		for _, at := range list {
			out[at].lost = seenIn[out[at].Peer.Addr()]
		}
	}
	return out
}

type ladder struct {
	ends  [2]line
	start time.Time
	lines [][]show.Run
}

func (l *ladder) draw(r *rung) {
	since := show.Run{Text: stamp(r.Time.Sub(l.start)) + "  ", Style: "dim"}
	width := ladderRight - ladderLeft
	side := 0
	if r.Kind != "mark" && l.ends[1].is(r.Local) && !l.ends[0].is(r.Local) {
		side = 1
	}
	switch r.Kind {
	case "mark":
		l.add(since, show.Run{Text: centred(" "+show.Clip(r.Text, width-6)+" ", "╌", width+1), Style: "bold"})
	case "state":
		l.beside(since, r, side, "● "+r.To.String())
	case "call":
		l.beside(since, r, side, "» "+r.Text)
	case "packet":
		l.packet(since, r, side)
	}
}

func (l *ladder) add(runs ...show.Run) { l.lines = append(l.lines, runs) }

// beside puts words at one of the lifelines.
func (l *ladder) beside(since show.Run, r *rung, side int, words string) {
	width := ladderRight - ladderLeft - 1
	if !l.ends[side].is(r.Local) {
		l.other(since, r.Local.String()+"  "+words)
		return
	}
	words = show.Clip(words, width-2)
	fill := strings.Repeat(" ", width-1-show.Width(words))
	if side == 0 {
		l.add(since, show.Run{Text: "│ "}, show.Run{Text: words, Style: clientStyle}, show.Run{Text: fill + "│"})
		return
	}
	l.add(since, show.Run{Text: "│" + fill}, show.Run{Text: words, Style: serverStyle}, show.Run{Text: " │"})
}

// other says what is between other ends.
func (l *ladder) other(since show.Run, text string) {
	width := ladderRight - ladderLeft - 1
	l.add(since, show.Run{Text: "│" + centred(" "+show.Clip(text, width-2)+" ", " ", width) + "│", Style: "dim"})
}

func (l *ladder) packet(since show.Run, r *rung, side int) {
	width := ladderRight - ladderLeft - 1
	text := r.Packet.Words(r.Seq, r.Ack)
	known := l.ends[side].is(r.Local) && l.ends[1-side].is(r.Peer)
	if !known {
		if r.Packet.Name != "arp" {
			text = fmt.Sprintf("%s → %s  %s", r.Packet.From(), r.Packet.To(), text)
		}
		l.other(since, text)
		return
	}
	text = " " + show.Clip(text, width-8) + " "
	arrow := "│" + centred(text, "─", width-1) + "→│"
	if side == 1 {
		arrow = "│←" + centred(text, "─", width-1) + "│"
	}
	after := ""
	switch {
	case r.lost && side == 0:
		arrow = "│" + centred(text, "─", width-8) + "✕" + strings.Repeat(" ", 7) + "│"
	case r.lost:
		arrow = "│" + strings.Repeat(" ", 7) + "✕" + centred(text, "─", width-8) + "│"
	case !r.arrived.IsZero():
		after = " " + Short(r.arrived.Sub(r.Time))
	}
	l.add(since, show.Run{Text: arrow, Style: sideStyle(side)}, show.Run{Text: after, Style: "dim"})
}

// centred puts text into the middle of a line of one character.
func centred(text, of string, width int) string {
	n := max(width-show.Width(text), 0)
	return strings.Repeat(of, n/2) + text + strings.Repeat(of, n-n/2)
}
