package lua

import "context"

// A Host is what runs the goroutine of a call from outside beside others, on one thread: there a call must not wait by
// itself.
type Host interface {
	Here() bool      // the calling goroutine is it
	Park()           // gives the thread to others until Unpark; it may return early
	Unpark()         // from anywhere
	Aside(do func()) // runs do, which may wait, elsewhere, and gives the thread to others meanwhile
}

// hosted is the host, if the calling goroutine is one.
func (f *flow) hosted() Host {
	if f.host != nil && f.host.Here() {
		return f.host
	}
	return nil
}

// aside runs do, which may wait.
func (f *flow) aside(do func()) {
	if h := f.hosted(); h != nil {
		h.Aside(do)
	} else {
		do()
	}
}

// await waits for the baton, for which w is in line or will be.
func (w *waiter) await(h Host) {
	if h == nil {
		<-w.turn
		return
	}
	for {
		select {
		case <-w.turn:
			return
		default:
			h.Park()
		}
	}
}

// grant hands the baton to a waiter. The lock is held.
func (w *waiter) grant() {
	w.turn <- struct{}{}
	if h := w.host; h != nil {
		w.host = nil
		h.Unpark()
	}
}

// awaitOn is the wait of a parked flow that has a host: until its turn, or the end of env, which wakes it.
func (b *baton) awaitOn(h Host, w *waiter, env *Env) {
	woken := make(chan struct{})
	stop := context.AfterFunc(env, func() {
		defer close(woken)
		b.wake(w, env.Err())
	})
	w.await(h)
	if !stop() {
		<-woken // or it might end the next wait
	}
}
