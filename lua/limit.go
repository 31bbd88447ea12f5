package lua

import (
	"context"
	"time"
)

// A limit is the time that fiber.timeout gives a function. It ends by the World's own timers, like a sleep: what waits
// in the function gets its place in the line at that moment, in order with the sleepers of the same time.
type limit struct {
	b      *baton
	outer  *limit
	env    *Env // the function's
	cancel context.CancelCauseFunc

	// Guarded by the baton's lock.
	entry  *timerEntry // nil when the time is over
	parked *waiter     // what waits in the function
}

// Error is for the context's cause.
func (l *limit) Error() string { return context.DeadlineExceeded.Error() }

// within makes the surroundings of a function that has so long. The baton is held.
func (e *Env) within(d time.Duration) *limit {
	when := time.Now().Add(d)
	ctx, cancel := context.WithCancelCause(e.base)
	l := &limit{b: &e.w.baton, outer: e.limit, cancel: cancel, entry: &timerEntry{when: when}}
	l.entry.limit = l
	l.env = e.Under(ctx)
	l.env.limit = l
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.b.schedule(l.entry)
	l.b.fireDue(time.Now()) // no time at all is over now
	return l
}

// end forgets the limit: the function has ended.
func (l *limit) end() {
	l.b.mu.Lock()
	if l.entry != nil {
		l.b.timers.remove(l.entry)
		l.entry = nil
	}
	l.b.mu.Unlock()
	l.cancel(nil)
}

// expire ends the function of a limit. The lock is held: what waits must see the end of its context when it is woken.
func (b *baton) expire(l *limit) {
	l.entry = nil
	l.cancel(l)
	if l.parked != nil {
		b.ready(l.parked, l)
	}
}

// enter notes that w waits in the function, and in those around it; l may be nil. The lock is held.
func (l *limit) enter(w *waiter) {
	w.limit = l
	for ; l != nil; l = l.outer {
		l.parked = w
	}
}

// leave undoes enter.
func (l *limit) leave(w *waiter) {
	w.limit = nil
	for ; l != nil; l = l.outer {
		if l.parked == w {
			l.parked = nil
		}
	}
}
