package trail

import (
	"fmt"
	"strings"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua/show"
)

// A box is a state's place on the canvas: its upper left corner; every box is boxWide by 3.
type box struct {
	state netlink.State
	x, y  int
}

const boxWide = 15

// boxes are the eleven states as RFC 9293's figure 5 has them: CLOSE is there twice, where it begins and where it ends.
func boxes() []box {
	return []box{
		{netlink.Close, 31, 0},
		{netlink.Listen, 31, 4}, {netlink.SynRecv, 3, 8}, {netlink.SynSent, 59, 8},
		{netlink.Established, 31, 12},
		{netlink.FinWait1, 3, 16}, {netlink.CloseWait, 59, 16},
		{netlink.FinWait2, 3, 21}, {netlink.Closing, 31, 21}, {netlink.LastAck, 59, 21},
		{netlink.TimeWait, 31, 26}, {netlink.Close, 59, 26},
	}
}

// An arrow is a way from one state to another: its corners, from the first to the head; what causes it; where that and
// the times of the ends that took it are written.
type arrow struct {
	from, to netlink.State
	points   [][2]int
	cause    string
	words    [2]int // where the cause is written
	times    [2]int // and the times
	right    bool   // the times end there
}

func arrows() []arrow {
	return []arrow{
		{netlink.Close, netlink.Listen, [][2]int{{38, 3}, {38, 3}}, "listen", [2]int{40, 3}, [2]int{47, 3}, false},
		{netlink.Close, netlink.SynSent, [][2]int{{46, 1}, {66, 1}, {66, 7}}, "connect: SYN", [2]int{48, 0}, [2]int{68, 4}, false},
		{netlink.Listen, netlink.SynRecv, [][2]int{{30, 5}, {10, 5}, {10, 7}}, "SYN in: SYN+ACK", [2]int{13, 4}, [2]int{12, 6}, false},
		{netlink.SynSent, netlink.SynRecv, [][2]int{{58, 9}, {18, 9}}, "SYN in: SYN+ACK", [2]int{31, 8}, [2]int{31, 10}, false},
		{netlink.SynRecv, netlink.Established, [][2]int{{14, 11}, {14, 13}, {30, 13}}, "ACK in", [2]int{16, 12}, [2]int{16, 14}, false},
		{netlink.SynSent, netlink.Established, [][2]int{{62, 11}, {62, 13}, {46, 13}}, "SYN+ACK in: ACK", [2]int{47, 12}, [2]int{48, 14}, false},
		{netlink.SynRecv, netlink.FinWait1, [][2]int{{6, 11}, {6, 15}}, "close: FIN", [2]int{8, 15}, [2]int{8, 14}, false},
		{netlink.Established, netlink.FinWait1, [][2]int{{35, 15}, {35, 17}, {18, 17}}, "close: FIN", [2]int{20, 16}, [2]int{20, 18}, false},
		{netlink.Established, netlink.CloseWait, [][2]int{{41, 15}, {41, 17}, {58, 17}}, "FIN in: ACK", [2]int{43, 16}, [2]int{43, 18}, false},
		{netlink.FinWait1, netlink.FinWait2, [][2]int{{6, 19}, {6, 20}}, "ACK in", [2]int{8, 20}, [2]int{0, 0}, false},
		{netlink.FinWait1, netlink.Closing, [][2]int{{16, 18}, {16, 19}, {38, 19}, {38, 20}}, "FIN in: ACK", [2]int{40, 19}, [2]int{40, 20}, false},
		{netlink.FinWait1, netlink.TimeWait, [][2]int{{2, 17}, {1, 17}, {1, 29}, {38, 29}, {38, 29}}, "FIN+ACK in: ACK", [2]int{3, 30}, [2]int{20, 30}, false},
		{netlink.CloseWait, netlink.LastAck, [][2]int{{66, 19}, {66, 20}}, "close: FIN", [2]int{68, 19}, [2]int{68, 20}, false},
		{netlink.FinWait2, netlink.TimeWait, [][2]int{{10, 24}, {10, 27}, {30, 27}}, "FIN in: ACK", [2]int{12, 26}, [2]int{12, 28}, false},
		{netlink.Closing, netlink.TimeWait, [][2]int{{38, 24}, {38, 25}}, "ACK in", [2]int{40, 24}, [2]int{40, 25}, false},
		{netlink.LastAck, netlink.Close, [][2]int{{66, 24}, {66, 25}}, "ACK in", [2]int{68, 24}, [2]int{68, 25}, false},
		{netlink.TimeWait, netlink.Close, [][2]int{{46, 27}, {58, 27}}, "60 s", [2]int{48, 26}, [2]int{47, 28}, false},
	}
}

// Diagram draws RFC 9293's state machine with what the two ends of a connection did: the states that they were in and the
// arrows that they took in heavy lines, with the time since the beginning, c for the client and s for the server. Of several
// connections it says how many took each arrow.
func Diagram(paths ...*Path) [][]show.Run {
	t := travels{several: len(paths) > 1, steps: map[[2]netlink.State]*taken{}, states: map[netlink.State]*taken{}}
	for _, p := range paths {
		t.add(p)
	}
	c := newCanvas(79, 31)
	all := arrows()
	for _, lit := range []bool{false, true} { // what was taken lies on top
		for i := range all {
			a := &all[i]
			if by := t.steps[[2]netlink.State{a.from, a.to}]; (by != nil) == lit {
				c.arrow(a, by, t.several)
			}
		}
	}
	for i, b := range boxes() {
		by := t.states[b.state]
		if b.state == netlink.Close { // the upper one begins, the lower one ends
			by = t.states[netlink.Close+netlink.State(100*min(i, 1))]
		}
		c.box(b, by)
	}
	client, server, before := "c client", "s server", ""
	switch len(paths) {
	case 0:
	case 1:
		client, server = client+" "+paths[0].name(0), server+" "+paths[0].name(1)
	default:
		before = fmt.Sprintf("%d connections: ", len(paths))
		client, server = client+"s", server+"s"
	}
	lines := append([][]show.Run{
		{{Text: before}, {Text: client, Style: clientStyle}, {Text: "  "}, {Text: server, Style: serverStyle}},
	}, c.runs()...)
	return append(lines, t.notes()...)
}

func (c canvas) arrow(a *arrow, t *taken, several bool) {
	style, heavy := "dim", t != nil
	if heavy {
		style = t.style()
	}
	last := len(a.points) - 1
	for i := range last {
		c.line(a.points[i], a.points[i+1], heavy, style)
	}
	head, before := a.points[last], a.points[last-1]
	r := '▼'
	switch dx, dy := sign(head[0]-before[0]), sign(head[1]-before[1]); {
	case dx > 0:
		r = '▶'
	case dx < 0:
		r = '◀'
	case dy < 0 || a.from == netlink.FinWait1 && a.to == netlink.TimeWait:
		r = '▲'
	}
	c[head[1]][head[0]] = cell{r: r, style: style}
	c.text(a.words[0], a.words[1], a.cause, style)
	if t == nil {
		return
	}
	where := a.times
	if where == [2]int{} {
		where = [2]int{a.words[0] + len(a.cause) + 1, a.words[1]}
	}
	c.text(where[0], where[1], t.words(several), style)
}

func (c canvas) box(b box, by *taken) {
	style, was := "dim", by != nil
	if was {
		style = by.style()
	}
	right, below := b.x+boxWide-1, b.y+2
	for _, l := range [][2][2]int{{{b.x, b.y}, {right, b.y}}, {{right, b.y}, {right, below}}, {{b.x, below}, {right, below}}, {{b.x, b.y}, {b.x, below}}} {
		c.line(l[0], l[1], was, style)
	}
	c.text(b.x+1, b.y+1, strings.Repeat(" ", boxWide-2), "")
	name := b.state.String()
	c.text(b.x+(boxWide-len(name))/2, b.y+1, name, style)
	if was {
		letters := ""
		for side, l := range [2]string{"c", "s"} {
			if by.n[side] > 0 {
				letters += l
			}
		}
		c.text(right-1-len(letters), below, letters, style)
	}
}
