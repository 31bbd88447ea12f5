package trail

import (
	"fmt"
	"strings"
	"time"

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

// A canvas is a page of cells.
type canvas [][]cell

type cell struct {
	r     rune
	style string
	arms  uint8 // of a line: up, right, down, left
	heavy bool
}

// The arms of a line's cell.
const (
	armUp = 1 << iota
	armRight
	armDown
	armLeft
)

func newCanvas(width, height int) canvas {
	c := make(canvas, height)
	for y := range c {
		c[y] = make([]cell, width)
	}
	return c
}

func (c canvas) text(x, y int, s, style string) {
	for _, r := range s {
		if y < len(c) && x >= 0 && x < len(c[y]) {
			c[y][x] = cell{r: r, style: style}
		}
		x++
	}
}

// line draws from one point to another, straight, heavy or light. A light line does not touch a heavy one.
func (c canvas) line(from, to [2]int, heavy bool, style string) {
	dx, dy := sign(to[0]-from[0]), sign(to[1]-from[1])
	x, y := from[0], from[1]
	for {
		last := x == to[0] && y == to[1]
		at := &c[y][x]
		switch {
		case at.arms != 0 && at.heavy && !heavy:
		default:
			if heavy && !at.heavy {
				at.arms = 0
			}
			at.heavy, at.style = heavy, style
			if x != from[0] || y != from[1] {
				at.arms |= arm(-dx, -dy)
			}
			if !last {
				at.arms |= arm(dx, dy)
			}
		}
		if last {
			return
		}
		x, y = x+dx, y+dy
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func arm(dx, dy int) uint8 {
	switch {
	case dy < 0:
		return armUp
	case dx > 0:
		return armRight
	case dy > 0:
		return armDown
	case dx < 0:
		return armLeft
	}
	return 0
}

// The characters of lines by their arms.
var (
	lightLines = [16]rune{' ', '│', '─', '└', '│', '│', '┌', '├', '─', '┘', '─', '┴', '┐', '┤', '┬', '┼'}
	heavyLines = [16]rune{' ', '┃', '━', '┗', '┃', '┃', '┏', '┣', '━', '┛', '━', '┻', '┓', '┫', '┳', '╋'}
)

// runs is the page as lines.
func (c canvas) runs() [][]show.Run {
	var out [][]show.Run
	for _, row := range c {
		var line []show.Run
		for _, at := range row {
			r := at.r
			switch {
			case r == 0 && at.heavy:
				r = heavyLines[at.arms]
			case r == 0:
				r = lightLines[at.arms]
			}
			if n := len(line); n > 0 && line[n-1].Style == at.style {
				line[n-1].Text += string(r)
			} else {
				line = append(line, show.Run{Text: string(r), Style: at.style})
			}
		}
		if n := len(line); n > 0 {
			line[n-1].Text = strings.TrimRight(line[n-1].Text, " ")
		}
		out = append(out, line)
	}
	return out
}

// taken is who took an arrow, and when.
type taken struct {
	by [2]bool
	at [2]time.Duration
}

func (t *taken) style() string {
	switch {
	case t.by[0] && t.by[1]:
		return "bold"
	case t.by[1]:
		return serverStyle
	}
	return clientStyle
}

// words are the times, each with the letter of its end.
func (t *taken) words() string {
	var parts []string
	for side, letter := range [2]string{"c", "s"} {
		if t.by[side] {
			parts = append(parts, letter+" "+at(t.at[side]))
		}
	}
	return strings.Join(parts, " ")
}

// at is a time since the beginning, in few letters.
func at(d time.Duration) string {
	if d >= 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%.1fms", float64(d)/1e6)
}

// Diagram draws RFC 9293's state machine with what the two ends of a connection did: the states that they were in and the
// arrows that they took in heavy lines, with the time since the beginning, c for the client and s for the server.
func (p *Path) Diagram() [][]show.Run {
	steps, states, others := p.travelled()
	c := newCanvas(79, 31)
	all := arrows()
	for _, lit := range []bool{false, true} { // what was taken lies on top
		for i := range all {
			a := &all[i]
			if t, was := steps[[2]netlink.State{a.from, a.to}]; was == lit {
				c.arrow(a, t)
			}
		}
	}
	for i, b := range boxes() {
		by, was := states[b.state]
		if b.state == netlink.Close { // the upper one begins, the lower one ends
			by, was = states[netlink.Close+netlink.State(100*min(i, 1))]
		}
		c.box(b, by, was)
	}
	lines := append([][]show.Run{
		{{Text: "c client " + p.name(0), Style: clientStyle}, {Text: "  "}, {Text: "s server " + p.name(1), Style: serverStyle}},
	}, c.runs()...)
	for _, o := range others {
		lines = append(lines, []show.Run{{Text: o, Style: "bold"}})
	}
	return lines
}

// travelled sorts the steps: along which arrows, into which states, and those that the figure has no arrow for: resets,
// and what happened between two looks. CLOSE as an end is 100 more than CLOSE as a beginning.
func (p *Path) travelled() (steps map[[2]netlink.State]*taken, states map[netlink.State]*taken, others []string) {
	known := map[[2]netlink.State]bool{}
	for _, a := range arrows() {
		known[[2]netlink.State{a.from, a.to}] = true
	}
	steps, states = map[[2]netlink.State]*taken{}, map[netlink.State]*taken{}
	enter := func(s netlink.State, side int, d time.Duration) {
		if states[s] == nil {
			states[s] = &taken{}
		}
		states[s].by[side], states[s].at[side] = true, d
	}
	start := p.Start()
	for _, m := range p.moments() {
		d := m.Time.Sub(start)
		if m.From == netlink.Close || m.From == netlink.Listen {
			enter(m.From, m.side, d)
		}
		if m.To == netlink.Close {
			enter(netlink.Close+100, m.side, d)
		} else {
			enter(m.To, m.side, d)
		}
		way := [2]netlink.State{m.From, m.To}
		if known[way] {
			if steps[way] == nil {
				steps[way] = &taken{}
			}
			steps[way].by[m.side], steps[way].at[m.side] = true, d
			continue
		}
		name := [2]string{"client", "server"}[m.side]
		switch {
		case m.From == none:
			others = append(others, fmt.Sprintf("%s: was in %s when the watch began", name, m.To))
		case m.To == netlink.Close:
			others = append(others, fmt.Sprintf("%s: %s → CLOSE at %s: reset, or given up (it has no arrow)", name, m.From, at(d)))
		default:
			others = append(others, fmt.Sprintf("%s: %s … %s at %s: not seen between", name, m.From, m.To, at(d)))
		}
	}
	return steps, states, others
}

func (c canvas) arrow(a *arrow, t *taken) {
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
	c.text(where[0], where[1], t.words(), style)
}

func (c canvas) box(b box, by *taken, was bool) {
	style := "dim"
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
			if by.by[side] {
				letters += l
			}
		}
		c.text(right-1-len(letters), below, letters, style)
	}
}
