package trail

import (
	"fmt"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua/show"
)

// travels are the steps of connections: along which arrows, into which states, and those that the figure has no arrow for:
// resets, and what happened between two looks. CLOSE as an end is 100 more than CLOSE as a beginning.
type travels struct {
	several bool
	steps   map[[2]netlink.State]*taken
	states  map[netlink.State]*taken
	others  []note
}

// A note is a step that has no arrow.
type note struct {
	text string
	at   time.Duration // less than 0 is none
	why  string
	n    int
}

func (t *travels) add(p *Path) {
	known := map[[2]netlink.State]bool{}
	for _, a := range arrows() {
		known[[2]netlink.State{a.from, a.to}] = true
	}
	for _, m := range p.moments() {
		d := m.Time.Sub(p.Start())
		if m.From == netlink.Close || m.From == netlink.Listen {
			t.enter(m.From, m.side, d)
		}
		if m.To == netlink.Close {
			t.enter(netlink.Close+100, m.side, d)
		} else {
			t.enter(m.To, m.side, d)
		}
		way := [2]netlink.State{m.From, m.To}
		if known[way] {
			if t.steps[way] == nil {
				t.steps[way] = &taken{}
			}
			t.steps[way].take(m.side, d)
			continue
		}
		name := [2]string{"client", "server"}[m.side]
		switch {
		case m.From == none:
			t.also(fmt.Sprintf("%s: was in %s when the watch began", name, m.To), -1, "")
		case m.To == netlink.Close:
			t.also(fmt.Sprintf("%s: %s → CLOSE", name, m.From), d, ": reset, or given up (it has no arrow)")
		default:
			t.also(fmt.Sprintf("%s: %s … %s", name, m.From, m.To), d, ": not seen between")
		}
	}
}

func (t *travels) enter(s netlink.State, side int, d time.Duration) {
	if t.states[s] == nil {
		t.states[s] = &taken{}
	}
	t.states[s].take(side, d)
}

// also notes a step that has no arrow; those of several connections are counted.
func (t *travels) also(text string, at time.Duration, why string) {
	for i := range t.others {
		if o := &t.others[i]; t.several && o.text == text && o.why == why {
			o.n++
			return
		}
	}
	t.others = append(t.others, note{text, at, why, 1})
}

func (t *travels) notes() (lines [][]show.Run) {
	for _, o := range t.others {
		when := ""
		switch {
		case t.several:
			when = fmt.Sprintf(" %d×", o.n)
		case o.at >= 0:
			when = " at " + at(o.at)
		}
		lines = append(lines, []show.Run{{Text: o.text + when + o.why, Style: "bold"}})
	}
	return lines
}

// taken is how many of which end took an arrow, and when the last of them did.
type taken struct {
	n  [2]int
	at [2]time.Duration
}

func (t *taken) take(side int, at time.Duration) {
	t.n[side]++
	t.at[side] = at
}

func (t *taken) style() string {
	switch {
	case t.n[0] > 0 && t.n[1] > 0:
		return "bold"
	case t.n[1] > 0:
		return serverStyle
	}
	return clientStyle
}

// words are the letters of the ends, each with its time, or of several connections with how many they were.
func (t *taken) words(several bool) string {
	var parts []string
	for side, letter := range [2]string{"c", "s"} {
		switch {
		case t.n[side] == 0:
		case several:
			parts = append(parts, fmt.Sprintf("%s %d×", letter, t.n[side]))
		default:
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
