package engines

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Sender is a Completer that sends, too.
type Sender interface {
	Completer
	// Send sends what is in data, which stays as it is until the Completion of it has come. A descriptor has one at a
	// time. It is called with the loop's lock held.
	Send(fd int, tag uint32, data []byte)
	// Sent lets go of the data, as soon as the Completion is there; with the lock held, too.
	Sent(fd int, tag uint32)
}

// mostRoom is how many output queues a loop keeps for the next reply, and how long one may be.
const (
	mostRoom = 1024
	longRoom = 4 << 10
)

// hand gives a reply to the loop's Sender, if it has one and nothing waits to be sent before: what a handler has returned is
// sent with the loop's next wait, together with those of others. The output queue holds it meanwhile.
func (c *Conn) hand(reply []byte) bool {
	if !c.given {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.loop.(*EventLoop)
	if !ok || l.sender == nil || c.queued() > 0 || c.state&(closing|finished) != 0 || c.err != nil {
		return false
	}
	if n := len(l.room); n > 0 {
		c.out, l.room = l.room[n-1], l.room[:n-1]
	} else {
		c.out = &outgoing{}
	}
	c.out.data, c.out.at = append(c.out.data[:0], reply...), 0
	c.count.Unsent.Add(int64(len(reply)))
	c.send(l)
	return true
}

// send submits what is queued; c.mu is held.
func (c *Conn) send(l *EventLoop) {
	c.state |= handed
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sender.Send(c.fd, l.slots.At(c.fd).tag, c.out.data[c.out.at:])
}

// turnSent is a Turn after a Sender has sent n bytes of what was queued, or has failed to.
func (c *Conn) turnSent(l *EventLoop, app *App, n int, errno syscall.Errno) bool {
	if !c.acquire() {
		return false
	}
	c.mu.Lock()
	if c.state&finished != 0 || c.out == nil {
		c.mu.Unlock()
		c.release()
		return c.state&finished == 0
	}
	c.state = c.state&^handed | inTurn
	c.out.at += n
	c.count.BytesOut.Add(int64(n))
	c.count.Unsent.Add(int64(-n))
	switch {
	case errno != 0 && errno != syscall.EAGAIN && errno != syscall.EINTR:
		if c.err == nil {
			c.err = errno
		}
	case c.queued() > 0:
		c.send(l)
	default:
		if len(l.room) < mostRoom && cap(c.out.data) <= longRoom {
			l.room = append(l.room, c.out)
		}
		c.out = nil
		c.halfClose()
	}
	c.mu.Unlock()
	if c.fed(app) {
		c.outcome(nil, c.writable(app))
	}
	return c.endTurn(app)
}

// halfClose ends the outgoing direction, if that was asked for and waited for the queue; c.mu is held.
func (c *Conn) halfClose() {
	if c.state&halfClosing != 0 {
		c.state &^= halfClosing
		c.onThread(func() { raw.Shutdown(c.fd, syscall.SHUT_WR) })
	}
}

// settle has a Sender send what it was given, before the loop ends.
func (l *EventLoop) settle(app *App) {
	if l.sender == nil {
		return
	}
	for range 2 { // the second for what the handlers of the first have returned
		l.mu.Lock()
		l.poller.Prepare()
		l.mu.Unlock()
		l.events, _ = l.poller.Wait(true, 0, l.events[:0])
		l.own()
		for i := range l.events {
			l.dispatch(&l.events[i], app)
		}
	}
}
