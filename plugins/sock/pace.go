package sock

import "time"

// A pace says when to look at the kernel's table again. Packets and news of freed sockets give reason to look at once;
// where they cannot be had, looking often is all there is. What looking costs bounds how often: a fifth of one processor.
type pace struct {
	idle              bool // there is no table to look at
	survey, ask, slow time.Duration
	surveyAt          time.Time // all of the table
	askAt             time.Time // the ends that may change
	slowAt            time.Time // those in TIME_WAIT, too
}

const share = 5 // of the time, one part is spent looking

func (p *pace) begin(o *observer) {
	p.idle = !o.states
	p.survey, p.ask, p.slow = 250*time.Millisecond, 10*time.Millisecond, 100*time.Millisecond
	switch {
	case o.tracer != nil:
		p.ask = p.slow
	case o.blind():
		p.survey, p.ask = 2*time.Millisecond, time.Millisecond
	}
}

// blind says that there is a network whose packets are not to be had.
func (o *observer) blind() bool {
	for _, p := range o.posts {
		if p.packets == nil {
			return true
		}
	}
	return false
}

// sleep is how long there is nothing to do; a negative time is for ever.
func (p *pace) sleep() time.Duration {
	if p.idle {
		return -1
	}
	next := p.surveyAt
	if p.askAt.Before(next) {
		next = p.askAt
	}
	return max(time.Until(next), 0)
}

func due(at time.Time) bool { return !time.Now().Before(at) }

func (p *pace) surveyed(took time.Duration) {
	p.surveyAt = time.Now().Add(max(p.survey, (share-1)*took))
}

// asked is told how many ends were asked about.
func (p *pace) asked(n int, took time.Duration) {
	pause := p.ask
	if n == 0 {
		pause = p.slow
	}
	p.askAt = time.Now().Add(max(pause, (share-1)*took))
	if due(p.slowAt) {
		p.slowAt = time.Now().Add(p.slow)
	}
}
