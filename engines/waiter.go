package engines

import (
	"context"
	"sync/atomic"

	"github.com/nsh-lab/nsh/internal/raw"
)

// Interest is what a connection waits for, or what has come.
type Interest uint8

// In is something to read (or an end, or an error, to learn of by reading), Out is room to write, Gone is a
// connection that has failed or is closed in both directions.
const (
	In Interest = 1 << iota
	Out
	Gone

	odds // the peer has ended, or has something out of band: from an edge only
)

// A waiter is how a flow of control waits for its descriptor. There are three ways: with ppoll, or for what is received
// with recv, which hold the calling thread; parked with Go's poller, which holds no thread; and driven by a loop that also makes the calls. Each ends when the context does, when the server stops
// and when somebody closes the connection.
//
// One goroutine at a time waits in each direction.
type waiter struct {
	fd      int
	base    context.Context // ends only with the stop of the server, which pokes everybody: needs no hook
	stop    int             // the server's eventfd, -1 for none
	count   *Counters
	in, out side
	closed  atomic.Bool
	parked  *parked  // nil: ppoll, or
	driven  *driven  // by a loop
	by      Outsider // in a way of somebody else's
	wake    waker    // of ppoll
	asleep  sleeper  // in recv
}

// A side is one direction of a waiter.
type side struct {
	poked  atomic.Bool
	done   <-chan struct{} // of the context the hook below is for
	unhook func() bool
	fds    [2]raw.PollFd // of ppoll
}

// side is the one that waits for want.
func (w *waiter) side(want Interest) *side {
	if want&In == 0 {
		return &w.out
	}
	return &w.in
}

// hook makes the end of ctx poke the waiter. It stays for the next wait, which nearly always has the same ctx.
func (w *waiter) hook(s *side, ctx context.Context) {
	done := ctx.Done()
	if done == nil || done == s.done || w.base != nil && done == w.base.Done() {
		return
	}
	if s.unhook != nil {
		s.unhook()
	}
	s.done, s.unhook = done, context.AfterFunc(ctx, w.poke)
}

// poke makes whoever waits look again: at the context, at the connection, at what is to be waited for.
func (w *waiter) poke() {
	w.in.poked.Store(true)
	w.out.poked.Store(true)
	switch {
	case w.driven != nil:
		w.driven.poke()
	case w.parked != nil:
		w.parked.poke()
	case w.by != nil:
		w.by.Poked()
	default:
		w.wake.notify()
		w.rouse()
	}
}

// wait returns what is ready of what is wanted, or nothing at all when it was poked and the caller should look again.
func (w *waiter) wait(ctx context.Context, want Interest) (Interest, error) {
	if w.driven != nil {
		if f := w.driven.fiber(); f != nil {
			return w.driven.await(ctx, f, w, want)
		}
		r := &request{kind: toWait, want: want}
		_, err := w.driven.request(ctx, w, r)
		return r.ready, err
	}
	if w.by != nil {
		return w.outside(ctx, want)
	}
	if w.parked != nil {
		if want&Out != 0 {
			return w.parked.wait(ctx, w, Out)
		}
		return w.parked.wait(ctx, w, In)
	}
	return w.poll(ctx, want)
}

// close frees what the waiter holds, its parked descriptor included, and says whether it did close that.
func (w *waiter) close() bool {
	for _, s := range []*side{&w.in, &w.out} {
		if s.unhook != nil {
			s.unhook()
		}
	}
	w.wake.close()
	if w.parked == nil {
		return false
	}
	w.parked.close()
	return true
}
