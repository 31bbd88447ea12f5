package lua

import (
	"sync"
	"time"
)

// A baton lets one flow at a time run Lua, first come first served. A place in the line is drawn when what a flow
// waited for became due (wake), not when its goroutine happens to run; so a script switches in the same order wherever
// the outside world answers in the same order.
type baton struct {
	mu     sync.Mutex
	held   bool
	holder *flow
	turns  uint64    // how often it was passed on
	line   []*waiter // line[head:] wait for their turn
	head   int
	timers timers
}

// A waiter is one flow's place in the line. Each flow has one and is in at most one state.
type waiter struct {
	turn  chan struct{} // one slot; a token in it is the baton
	state waitState
	why   error // set by wake: nil, or why the wait ended early
	flow  *flow
	timer *timerEntry
	limit *limit // the innermost fiber.timeout that it waits in
	host  Host   // to be told of the turn, too; nil where a goroutine waits for it
}

func newWaiter(f *flow) *waiter { return &waiter{turn: make(chan struct{}, 1), flow: f} }

type waitState uint8

const (
	idle   waitState = iota // not waiting
	parked                  // waits for something; not in line
	queued                  // in line for the baton
	gone                    // left the line before its turn
)

// take waits for the baton.
func (b *baton) take(w *waiter) {
	b.mu.Lock()
	if b.free(w) {
		b.mu.Unlock()
		return
	}
	b.enqueue(w)
	h := w.flow.hosted()
	w.host = h
	b.mu.Unlock()
	w.await(h)
}

// takeUntil waits for the baton, or for done; it says whether it has the baton.
func (b *baton) takeUntil(w *waiter, done <-chan struct{}) bool {
	b.mu.Lock()
	if b.free(w) {
		b.mu.Unlock()
		return true
	}
	b.enqueue(w)
	b.mu.Unlock()
	select {
	case <-w.turn:
		return true
	case <-done:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.state == queued {
		w.state = gone // its slot stays in the line and is passed over: w must not be used again
		return false
	}
	<-w.turn // it was handed over meanwhile
	return true
}

// free takes the baton if nobody holds it. The lock is held.
func (b *baton) free(w *waiter) bool {
	if b.held {
		return false
	}
	b.held, b.holder, w.state = true, w.flow, idle
	return true
}

// enqueue puts w at the end of the line, after the sleepers who became due before, even if the alarm has not rung for
// them yet. The lock is held.
func (b *baton) enqueue(w *waiter) {
	if b.timers.len() > 0 {
		b.fireDue(time.Now())
	}
	b.join(w)
}

func (b *baton) join(w *waiter) {
	w.state = queued
	b.line = append(b.line, w)
}

// pass hands the baton to the first in line. Timers that are due go into the line before.
func (b *baton) pass() {
	b.mu.Lock()
	b.passLocked()
	b.mu.Unlock()
}

func (b *baton) passLocked() {
	b.turns++
	if b.timers.len() > 0 {
		b.fireDue(time.Now())
	}
	for b.head < len(b.line) {
		w := b.line[b.head]
		b.line[b.head] = nil
		b.head++
		if b.head == len(b.line) {
			b.line, b.head = b.line[:0], 0
		} else if b.head > 1024 && b.head > len(b.line)/2 {
			b.line, b.head = append(b.line[:0], b.line[b.head:]...), 0
		}
		if w.state != queued {
			continue
		}
		w.state, b.holder = idle, w.flow
		w.grant()
		return
	}
	b.held, b.holder = false, nil
}

// park gives the baton up and waits until somebody calls wake. The caller holds the baton; arrange, called under the
// lock, makes the waiter known to whoever will wake it. It has the baton again when it returns.
func (b *baton) park(w *waiter, env *Env, arrange func()) error {
	b.mu.Lock()
	if b.timers.len() > 0 {
		b.fireDue(time.Now()) // they come before a caller that only yields
	}
	w.state, w.why = parked, nil
	env.limit.enter(w)
	if arrange != nil {
		arrange()
	}
	h := w.flow.hosted()
	w.host = h
	b.passLocked()
	b.mu.Unlock()
	if h != nil {
		b.awaitOn(h, w, env)
		return w.why
	}
	select {
	case <-w.turn:
		return w.why
	case <-env.Done():
	}
	b.mu.Lock()
	b.wakeLocked(w, env.Err())
	b.mu.Unlock()
	<-w.turn
	return w.why
}

// wake puts a parked waiter into the line: this is the moment its ticket is drawn. Of several wakes the first counts.
func (b *baton) wake(w *waiter, why error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wakeLocked(w, why)
}

func (b *baton) wakeLocked(w *waiter, why error) bool {
	if b.timers.len() > 0 {
		b.fireDue(time.Now()) // w may be one of them: then this wake comes too late
	}
	if w.state != parked {
		return false
	}
	b.ready(w, why)
	return true
}

// ready puts a parked waiter into the line. The lock is held.
func (b *baton) ready(w *waiter, why error) {
	w.why = why
	if w.timer != nil {
		b.timers.remove(w.timer)
		w.timer = nil
	}
	w.limit.leave(w)
	if b.free(w) {
		w.grant()
	} else {
		b.join(w)
	}
}
