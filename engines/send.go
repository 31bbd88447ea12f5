package engines

import (
	"context"
	"net"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// DefaultSendLimit is how many bytes may wait in a connection's output queue.
const DefaultSendLimit = 1 << 20

// Send sends data. A flow of control waits until the kernel has all of it; n says how much it took.
//
// Under an event loop nothing waits: what fits goes to the kernel at once, the rest is queued. When the queue is at
// its limit already, nothing of data is taken and the error is EAGAIN; Writable comes when there is room again. So
// the queue never holds more than the limit and one send.
//
// To the sender of a datagram each Send is one datagram: EMSGSIZE when that would be too long for one.
func (c *Conn) Send(ctx context.Context, data []byte) (n int, err error) {
	if !c.acquire() {
		return 0, net.ErrClosed
	}
	defer c.release()
	if c.gram != nil {
		return c.answer(ctx, data)
	}
	if c.Eventful() {
		c.onThread(func() { n, err = c.enqueue(data, true) })
		return n, err
	}
	f := c.waiting()
	if err := f.enter(ctx, &f.send); err != nil {
		return 0, err
	}
	defer f.send.leave()
	if s := c.secured(); s != nil {
		return s.send(ctx, data)
	}
	return c.sendPlain(ctx, f, data)
}

// TrySend sends what the kernel takes now, for a caller on a fiber that would rather call Send than wait for anybody: it
// takes nothing where that is the better choice.
func (c *Conn) TrySend(data []byte) (n int, err error) {
	if d := c.driven; d == nil || !d.mayTry(Out) || c.secured() != nil || c.Eventful() || !c.acquire() {
		return 0, nil
	}
	defer c.release()
	f := c.waiting()
	if !f.send.tryEnter() {
		return 0, nil
	}
	defer f.send.leave()
	n, errno := c.sendSome(data)
	switch {
	case errno == syscall.EAGAIN:
		c.driven.ready &^= Out
	case errno != 0:
		c.failed(errno)
		return n, errno
	}
	return n, nil
}

// sendPlain sends on the socket; the caller has the turn. An empty datagram is something, too.
func (c *Conn) sendPlain(ctx context.Context, f *flow, data []byte) (n int, err error) {
	for n < len(data) || len(data) == 0 && c.isDatagram() {
		m, errno, err := c.sendOn(ctx, f, data[n:])
		n += m
		switch {
		case err != nil:
			return n, err
		case errno == syscall.EAGAIN:
		case errno != 0:
			c.failed(errno)
			return n, errno
		case f.closed.Load():
			return n, net.ErrClosed
		case c.isDatagram():
			return n, nil
		}
	}
	return n, nil
}

// sendOn sends what the kernel takes, and waits until it takes more if that was not all. EAGAIN means to go on.
func (c *Conn) sendOn(ctx context.Context, f *flow, data []byte) (n int, errno syscall.Errno, err error) {
	if d := f.driven; d != nil {
		if self := d.fiber(); self == nil {
			r := &request{kind: toSend, want: Out, buf: data}
			_, err := d.request(ctx, &f.waiter, r)
			c.count.BytesOut.Add(int64(r.n))
			return r.n, r.errno, err
		} else if self.share(); f.over(ctx) != nil {
			return 0, 0, f.over(ctx)
		}
	}
	if n, errno = c.sendSome(data); errno == syscall.EAGAIN {
		_, err = f.wait(ctx, Out)
	}
	return n, errno, err
}

// sendSome gives the kernel what it takes, and counts it.
func (c *Conn) sendSome(data []byte) (int, syscall.Errno) {
	var n int
	var errno syscall.Errno
	if c.driven != nil && !c.driven.loop.here() {
		r := c.driven.now(&request{kind: toSend, buf: data})
		n, errno = r.n, r.errno
	} else {
		c.count.Syscalls.Add(1)
		n, errno = raw.Send(c.fd, data)
	}
	if n > 0 {
		c.count.BytesOut.Add(int64(n))
	}
	return n, errno
}

// enqueue sends under an event loop. The reply that a callback returned is taken beyond the limit, too: there is
// nobody to refuse it to, and the connection is not read from until the queue is below the limit again.
func (c *Conn) enqueue(data []byte, bounded bool) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state&(closing|finished) != 0 {
		return 0, net.ErrClosed
	}
	if c.err != nil {
		return 0, c.err
	}
	queued := c.queued()
	if bounded && queued >= c.limit() {
		c.state |= hungry
		return 0, syscall.EAGAIN
	}
	rest := data
	if queued == 0 {
		n, errno := c.sendSome(data)
		if errno != 0 && errno != syscall.EAGAIN {
			c.err = errno
			c.rearm()
			return 0, errno
		}
		rest = data[n:]
	}
	if len(rest) > 0 {
		if c.out == nil {
			c.out = &outgoing{}
		}
		c.out.data = append(c.out.data, rest...)
		c.count.Unsent.Add(int64(len(rest)))
		c.rearm()
	}
	return len(data), nil
}

// flush sends what is queued, as far as the kernel takes it; c.mu is held.
func (c *Conn) flush() {
	for c.queued() > 0 && c.err == nil {
		n, errno := c.sendSome(c.out.data[c.out.at:])
		c.out.at += n
		c.count.Unsent.Add(int64(-n))
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			c.err = errno
		}
	}
	switch {
	case c.queued() == 0:
		c.out = nil // a buffer is held only while there is something in it
		c.halfClose()
	case c.out.at > len(c.out.data)/2:
		c.out.data, c.out.at = c.out.data[:copy(c.out.data, c.out.data[c.out.at:])], 0
	}
}

// limit is the server's send limit.
func (c *Conn) limit() int {
	if c.hub != nil {
		return c.hub.limit
	}
	return DefaultSendLimit
}

// WantWritable asks for the Writable callback at the next chance, as a Send that said EAGAIN does: for a handler that
// makes much output and gives the others a turn after each piece.
func (c *Conn) WantWritable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop != nil {
		c.state |= hungry
		c.rearm()
	}
}

// Unsent is how many bytes wait in the output queue.
func (c *Conn) Unsent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued()
}
