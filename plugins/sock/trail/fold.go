package trail

import (
	"cmp"
	"slices"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
)

// A Step is one change of state of one end.
type Step struct {
	Time     time.Time
	From, To netlink.State // From is 0 where the connection was there before anybody looked
	How      string        // who says so: Sampled, Packets or Traced
	Seen     bool          // the kernel's own table, or the kernel itself, has said so, or has said a later state
	sent     bool          // by what it sent itself; at the same instant that comes before what it received
}

// Who says that a state was reached.
const (
	Sampled = "table"   // the kernel's socket table
	Packets = "packets" // what was sent and received leads there, says RFC 9293
	Traced  = "trace"   // the kernel's tracepoint
)

// slack is how much later than a packet the table may still say the state before it: the packet is seen on its way into
// the kernel's TCP, which may be busy.
const slack = 2 * time.Millisecond

// fold is the evidence of one end, in the order of its time, as steps. The kernel's table is the judge: a packet leads to
// a state only as long as the table does not say otherwise afterwards. A full accept queue, for one, takes no notice of
// the acknowledgement that should have made a connection of SYN_RECV.
func (e *end) fold() []Step {
	f := folding{}
	type piece struct {
		at time.Time
		do func()
	}
	var pieces []piece
	for i := range e.samples {
		s := &e.samples[i]
		pieces = append(pieces, piece{s.told, func() { f.sample(s.state, s.asked, s.told) }})
		if s.last.After(s.told) {
			pieces = append(pieces, piece{s.last, func() { f.sample(s.state, s.last, s.last) }})
		}
	}
	for i := range e.traces {
		t := &e.traces[i]
		pieces = append(pieces, piece{t.at, func() { f.trace(t) }})
	}
	where := e.place()
	for i := range e.segments {
		if s := &e.segments[i]; s.where == where && len(e.traces) == 0 {
			pieces = append(pieces, piece{s.at, func() { f.segment(s) }})
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.at.Compare(b.at) })
	for _, p := range pieces {
		p.do()
	}
	return f.steps
}

// place is where the end is: where the table has it, or else where the first of its packets was seen.
func (e *end) place() string {
	if e.where != "" || len(e.segments) == 0 {
		return e.where
	}
	first := slices.MinFunc(e.segments, func(a, b segment) int { return cmp.Or(a.at.Compare(b.at)) })
	return first.where
}

// A folding is the steps so far.
type folding struct {
	steps []Step
	m     machine
}

// passed is where in the steps a state is, or -1. No state of TCP comes twice in one connection.
func (f *folding) passed(s netlink.State) int {
	return slices.IndexFunc(f.steps, func(st Step) bool { return st.To == s })
}

func (f *folding) step(to netlink.State, at time.Time, how string, seen bool) {
	from := opening(to)
	if n := len(f.steps); n > 0 {
		from = f.steps[n-1].To
	}
	f.steps = append(f.steps, Step{at, from, to, how, seen, false})
	f.m.state = to
}

// opening is the state before the first one that is seen: only what opens a connection tells.
func opening(to netlink.State) netlink.State {
	switch to {
	case netlink.SynSent:
		return netlink.Close
	case netlink.SynRecv:
		return netlink.Listen
	}
	return none
}

func (f *folding) segment(s *segment) {
	for _, to := range f.m.segment(s) {
		if f.passed(to) < 0 {
			f.step(to, s.at, Packets, false)
			f.steps[len(f.steps)-1].sent = s.sent
		}
	}
}

// sample is what the table said of a moment between asked and told.
func (f *folding) sample(s netlink.State, asked, told time.Time) {
	if s == none {
		f.gone(asked, told)
		return
	}
	at := f.passed(s)
	if at < 0 {
		if n := len(f.steps); n > 0 && f.steps[n-1].To == netlink.Close && f.steps[n-1].How == Traced {
			f.steps = f.steps[:n-1] // what the kernel traced as CLOSE lives on as a small socket: TIME_WAIT
		}
		f.confirm(len(f.steps))
		f.step(s, told, Sampled, true)
		return
	}
	f.confirm(at + 1)
	f.revoke(at+1, asked)
}

// confirm notes that the first n states have been there.
func (f *folding) confirm(n int) {
	for i := range f.steps[:n] {
		f.steps[i].Seen = true
	}
}

// revoke takes back what packets said that the table, asked well after them, does not know of.
func (f *folding) revoke(n int, asked time.Time) {
	if len(f.steps) <= n || f.steps[n].Seen || f.steps[n].Time.Add(slack).After(asked) {
		return
	}
	f.steps = f.steps[:n]
	f.m.state = none
	if n > 0 {
		f.m.state = f.steps[n-1].To
	}
}

// gone is that the table has no such socket.
func (f *folding) gone(asked, told time.Time) {
	n := len(f.steps)
	if n == 0 || f.steps[n-1].To == netlink.Close {
		f.confirm(n)
		return
	}
	if n == 1 && !f.steps[0].Seen && f.m.state == netlink.SynRecv {
		f.revoke(0, asked) // a SYN cookie: nothing is remembered
		return
	}
	f.confirm(n)
	if f.steps[n-1].How == Traced {
		return // the kernel will say so itself; or it is in another network, which a trace does not tell
	}
	f.step(netlink.Close, told, Sampled, true)
}

// trace is what the kernel itself said.
func (f *folding) trace(t *trace) {
	n := len(f.steps)
	if n > 0 && f.steps[n-1].To == t.to {
		return
	}
	opens := t.from == netlink.Close || t.from == netlink.Listen
	if !opens && f.passed(t.from) < 0 {
		f.step(t.from, t.at, Traced, true) // the kernel's first word of a connection may come before its addresses
	}
	if f.passed(t.to) < 0 {
		f.step(t.to, t.at, Traced, true)
	}
}
