package engines

import (
	"context"
	"net"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A driven is a connection whose system calls are all made by the thread of its loop, for flows that wait meanwhile: to
// them conn:recv looks blocking, and to the kernel there is one thread. Nothing is received that nobody has asked for.
//
// The loop is told of edges, so that a connection for which nobody waits costs no wake-ups: a request is tried when it
// comes, and again when the kernel has told of a change.
type driven struct {
	loop    *EventLoop
	conn    *Conn
	adopted bool // it has a flow; the loop's lock is held

	mu    sync.Mutex
	asked []*request // not finished yet
}

// A request is what a flow wants from its connection, and what came of it.
type request struct {
	kind  requestKind
	want  Interest // what has to be ready for it
	once  bool     // it is not to wait for that
	buf   []byte
	call  func()
	tried bool

	n     int
	errno syscall.Errno
	ready Interest
	done  chan struct{} // one slot: a token when it is finished
}

type requestKind uint8

const (
	toWait requestKind = iota
	toReceive
	toTake // to receive into buf, which is made to fit
	toSend // all of it, unless once
	toCall
)

// try does what is asked for, as far as it can be done without waiting, and says whether that was the end of it. It
// runs on the loop's thread.
func (r *request) try(fd int, count *Counters, room []byte) (finished bool) {
	r.tried = true
	switch r.kind {
	case toCall:
		r.call()
		return true
	case toWait:
		count.Syscalls.Add(1)
		r.ready = pollReady(raw.PollNow(fd, pollEvents(r.want)))
		return r.ready != 0 || r.once
	case toReceive:
		count.Syscalls.Add(1)
		r.n, r.errno = raw.Recv(fd, r.buf, 0)
		return r.errno != syscall.EAGAIN || r.once
	case toTake:
		count.Syscalls.Add(1)
		r.n, r.errno = raw.Recv(fd, room, 0)
		r.buf = append(r.buf[:0], room[:r.n]...)
		return r.errno != syscall.EAGAIN
	}
	for {
		count.Syscalls.Add(1)
		n, errno := raw.Send(fd, r.buf[r.n:])
		r.n, r.errno = r.n+n, errno
		if r.once || r.n == len(r.buf) || errno != 0 {
			return errno != syscall.EAGAIN || r.once
		}
	}
}

// serve tries what is new, and what waits for what has become ready. Only the loop calls it; room is its buffer.
func (d *driven) serve(ready Interest, room []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.asked[:0]
	for _, r := range d.asked {
		if (!r.tried || ready&(r.want|Gone) != 0) && r.try(d.conn.fd, d.conn.count, room) {
			r.done <- struct{}{}
		} else {
			kept = append(kept, r)
		}
	}
	clear(d.asked[len(kept):])
	d.asked = kept
}

// ask hands a request to the loop. When there is no loop any more it is tried here, once.
func (d *driven) ask(r *request) {
	if r.done == nil {
		r.done = make(chan struct{}, 1)
	}
	d.mu.Lock()
	d.asked = append(d.asked, r)
	d.mu.Unlock()
	if d.loop.post(d.conn) {
		return
	}
	d.serve(0, make([]byte, 1))
	if d.withdraw(r) {
		r.errno = syscall.EBADF
		r.done <- struct{}{}
	}
}

// withdraw takes a request back; false when it is finished.
func (d *driven) withdraw(r *request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, other := range d.asked {
		if other == r {
			d.asked = append(d.asked[:i], d.asked[i+1:]...)
			return true
		}
	}
	return false
}

// now has the loop do something that does not wait, and waits for it to be done.
func (d *driven) now(r *request) *request {
	r.once = true
	d.ask(r)
	<-r.done
	return r
}

// await has the loop do something that may take long. It may end early, with nothing done (ok is false): poked, the
// caller looks again at what to do.
func (d *driven) await(ctx context.Context, w *waiter, r *request) (ok bool, err error) {
	s := w.side(r.want)
	if err := w.over(ctx); err != nil {
		return false, err
	}
	if r.want&In != 0 && w.in.poked.Swap(false) || r.want&Out != 0 && w.out.poked.Swap(false) {
		return false, nil
	}
	d.ask(r)
	select {
	case <-r.done:
		return true, nil
	case <-ctx.Done():
	case <-s.roused:
	}
	if !d.withdraw(r) {
		<-r.done
		return true, nil
	}
	return r.n > 0, w.over(ctx)
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

// onThread makes a system call for a connection on the thread that makes all of them, where there is one.
func (c *Conn) onThread(call func()) {
	if c.driven == nil {
		call()
		return
	}
	c.driven.now(&request{kind: toCall, call: call})
}

// recvNow receives what is there.
func (c *Conn) recvNow(p []byte) (int, syscall.Errno) {
	if c.driven != nil {
		r := c.driven.now(&request{kind: toReceive, buf: p})
		return r.n, r.errno
	}
	if c.given {
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
	if c.driven != nil {
		return c.driven.now(&request{kind: toWait, want: want}).ready
	}
	return pollReady(raw.PollNow(c.fd, pollEvents(want)))
}
