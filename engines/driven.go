package engines

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A driven is a connection whose system calls are all made by the thread of its loop. Its fiber runs there and makes them
// itself; whoever else calls a method asks the loop (request.go). Nothing is received that nobody has asked for.
//
// The loop is told of edges, so that a connection for which nobody waits costs no wake-ups: what an edge has said is kept
// until a call finds that it is over.
type driven struct {
	Fiber
	conn    *Conn
	adopted bool     // it has a fiber; the loop's lock is held
	ready   Interest // the loop's thread has it

	waits Interest // what fibers wait for; the same

	in, out atomic.Pointer[Fiber] // those that wait on the loop's thread, or did last
	busy    atomic.Bool           // there may be something in asked

	mu    sync.Mutex
	asked []*request // not finished yet
	pokes int
}

// told is news from the kernel. Only the loop calls it.
func (d *driven) told(ready Interest) {
	d.ready |= ready
	if d.busy.Load() { // what is asked for from now on is tried when the loop visits
		d.serve(ready)
	}
	if d.waits&In != 0 && ready&(In|Gone) != 0 {
		d.loop.resume(d.in.Load())
	}
	if d.waits&Out != 0 && ready&(Out|Gone) != 0 {
		d.loop.resume(d.out.Load())
	}
}

// poke makes whoever waits look again; the waiter's marks are set already.
func (d *driven) poke() {
	d.mu.Lock()
	d.pokes++
	kept := d.asked[:0]
	for _, r := range d.asked {
		if r.once {
			kept = append(kept, r)
		} else {
			r.done <- struct{}{}
		}
	}
	clear(d.asked[len(kept):])
	d.asked = kept
	d.mu.Unlock()
	for _, f := range []*Fiber{d.in.Load(), d.out.Load()} {
		if f != nil {
			f.Unpark()
		}
	}
}

// fiber is the one that the calling goroutine is, or nil.
func (d *driven) fiber() *Fiber {
	if d.loop.here() {
		return d.loop.current
	}
	return nil
}

// mayTry says whether the calling goroutine is a fiber that has something to gain from a call now, and has not had more than
// its share of turns.
func (d *driven) mayTry(want Interest) bool {
	if !d.loop.here() || d.loop.current == nil || d.ready&(want|Gone) == 0 || d.loop.current.turns >= readBatch-1 {
		return false
	}
	d.loop.current.turns++
	return true
}

// pause gives the thread to others until what is wanted may be ready, or somebody has poked. The calling goroutine is f.
// Whatever ends the wait for good pokes, so that only who was poked has to look whether something has.
func (d *driven) pause(ctx context.Context, f *Fiber, w *waiter, want Interest) error {
	if ctx != context.Context(f) { // its own context is the server's, whose end pokes everybody
		w.hook(w.side(want), ctx)
	}
	if want&In != 0 {
		note(&d.in, f)
	}
	if want&Out != 0 {
		note(&d.out, f)
	}
	if err := w.over(ctx); err != nil || w.takePoke(want) {
		return err
	}
	d.waits |= want
	f.Park()
	d.waits &^= want
	if w.takePoke(want) {
		return w.over(ctx)
	}
	return nil
}

// note says who waits, or is about to. It stays: a fiber that is woken for nothing looks again.
func note(who *atomic.Pointer[Fiber], f *Fiber) {
	if who.Load() != f {
		who.Store(f)
	}
}

// takePoke says whether somebody has poked one who waits for want.
func (w *waiter) takePoke(want Interest) (poked bool) {
	if want&In != 0 && w.in.poked.Load() {
		poked = w.in.poked.Swap(false)
	}
	if want&Out != 0 && w.out.poked.Load() {
		poked = w.out.poked.Swap(false) || poked
	}
	return poked
}

// incoming says whether there may be something to receive, and waits for it. The calling goroutine is f.
func (d *driven) incoming(ctx context.Context, f *Fiber, w *waiter) (some bool, err error) {
	if d.ready&(In|Gone) == 0 {
		err = d.pause(ctx, f, w, In)
	} else {
		f.share()
		err = w.over(ctx)
	}
	return d.ready&(In|Gone) != 0 && err == nil, err
}

// borrow is a buffer of the pool's for a fiber. Mostly it is the one that another fiber has just given back: the loop keeps
// that, since a pool that threads share costs more.
func (l *EventLoop) borrow(pool *sync.Pool) *[]byte {
	if b := l.lent; b != nil && l.lentBy == pool {
		l.lent = nil
		return b
	}
	return lend(pool)
}

// restore gives a borrowed buffer back.
func (l *EventLoop) restore(b *[]byte, pool *sync.Pool) {
	if l.lent != nil {
		l.lentBy.Put(l.lent)
	}
	l.lent, l.lentBy = b, pool
}

// recvNow receives on the loop's thread, and learns whether there may be more: less than was asked for was all, unless the
// peer had ended already, or has something out of band.
func (d *driven) recvNow(p []byte) (n int, errno syscall.Errno) {
	d.conn.count.Syscalls.Add(1)
	n, errno = raw.Recv(d.conn.fd, p, 0)
	switch {
	case errno == syscall.EAGAIN:
		d.ready &^= In | Gone | odds
	case n > 0 && n < len(p) && d.ready&(Gone|odds) == 0:
		d.ready &^= In
	}
	return n, errno
}

// await waits until something of what is wanted is ready, or nothing at all when it was poked. The calling goroutine is f.
func (d *driven) await(ctx context.Context, f *Fiber, w *waiter, want Interest) (Interest, error) {
	if w.takePoke(want) {
		return 0, w.over(ctx)
	}
	if err := w.over(ctx); err != nil {
		return 0, err
	}
	f.share()
	d.conn.count.Syscalls.Add(1)
	ready := pollReady(raw.PollNow(d.conn.fd, pollEvents(want)))
	if ready != 0 {
		return ready, nil
	}
	d.ready &^= want
	return 0, d.pause(ctx, f, w, want)
}

// onThread makes a system call for a connection on the thread that makes all of them, where there is one. No lock may be
// held that is taken there, too.
func (c *Conn) onThread(call func()) {
	if c.driven == nil || c.driven.loop.here() {
		call()
		return
	}
	c.driven.now(&request{kind: toCall, call: call})
}

// recvNow receives what is there.
func (c *Conn) recvNow(p []byte) (int, syscall.Errno) {
	switch d := c.driven; {
	case d != nil && d.loop.here():
		return d.recvNow(p)
	case d != nil:
		r := d.now(&request{kind: toReceive, buf: p})
		return r.n, r.errno
	case c.given:
		return c.nothingToRead()
	}
	c.count.Syscalls.Add(1)
	return raw.Recv(c.fd, p, 0)
}

// nothingToRead is what a read finds where a Completer receives all that comes.
func (c *Conn) nothingToRead() (int, syscall.Errno) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state&ended != 0 {
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

// pollNow says what is ready of what is wanted.
func (c *Conn) pollNow(want Interest) Interest {
	if c.driven != nil && !c.driven.loop.here() {
		return c.driven.now(&request{kind: toWait, want: want}).ready
	}
	return pollReady(raw.PollNow(c.fd, pollEvents(want)))
}

// over is why nothing is waited for any more.
func (w *waiter) over(ctx context.Context) error {
	if w.closed.Load() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.base != nil && w.base.Err() != nil {
		return net.ErrClosed
	}
	return nil
}

// freeDriven is the end of a driven connection, on the thread that makes its calls.
func (c *Conn) freeDriven() {
	c.driven.loop.forget(c.fd, c)
	if c.lingers.Load() { // the loop has other things to do than to wait for this one's peer
		Go("a slow close", func() error { c.closeFd(); return nil }, func(error) { c.freed() })
		return
	}
	c.closeFd()
	c.freed()
}
