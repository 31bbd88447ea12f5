package trail

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
)

// How the two ends are painted; without colour their columns, and letters, tell them apart.
const (
	clientStyle = "cyan"
	serverStyle = "yellow"
)

func sideStyle(side int) string {
	if side == 1 {
		return serverStyle
	}
	return clientStyle
}

// Draw is the time line of both ends: a line for each step, the client's left and the server's right.
func (p *Path) Draw() [][]show.Run {
	const left, right = 13, 46 // columns
	head := [2]string{"client " + p.name(0), "server " + p.name(1)}
	lines := [][]show.Run{{
		{Text: strings.Repeat(" ", left)}, {Text: padded(head[0], right-left), Style: clientStyle}, {Text: head[1], Style: serverStyle},
	}}
	start, unseen := p.Start(), false
	for _, m := range p.moments() {
		text := m.To.String()
		if !m.Seen {
			text, unseen = text+"*", true
		}
		line := []show.Run{{Text: stamp(m.Time.Sub(start)) + " ", Style: "dim"}}
		if m.side == 1 {
			line = append(line, show.Run{Text: strings.Repeat(" ", right-left)})
		}
		line = append(line, show.Run{Text: padded(text, 13), Style: sideStyle(m.side)})
		if !m.till.IsZero() {
			line = append(line, show.Run{Text: " for " + Short(m.till.Sub(m.Time)), Style: "dim"})
		}
		lines = append(lines, line)
	}
	if unseen {
		lines = append(lines, []show.Run{{Text: "* told by the packets: too short for the kernel's table to be read meanwhile", Style: "dim"}})
	}
	return lines
}

func (p *Path) name(side int) string {
	addr := p.Client
	if side == 1 {
		addr = p.Server
	}
	if w := p.Where[side]; w != "" && w != "here" {
		return w + " " + addr.String()
	}
	return addr.String()
}

// stamp is a time since the beginning, right-aligned in 12 columns.
func stamp(d time.Duration) string {
	if d.Abs() < 10*time.Second {
		return fmt.Sprintf("%9.3f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%9.3f s ", d.Seconds())
}

// Short is a length of time in few letters.
func Short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func padded(s string, width int) string {
	if n := width - show.Width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return show.Clip(s, width-1) + " "
}
