package engines

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Completer is a Poller that tells not only what could be done, but what has been: it accepts and receives itself.
// The methods that it has beside a Poller's are called on the loop's thread.
type Completer interface {
	Poller
	// Begin comes before the first Wait.
	Begin() syscall.Errno
	// Recycle takes back what came with an event, once that has been handled.
	Recycle(*Completion)
	// Finish comes after the last connection is closed. When it returns nothing is going on any more.
	Finish()
}

// A Completion is what has been done.
type Completion struct {
	Accepted bool // a connection, which is New
	Sent     bool // Count bytes; otherwise bytes were received
	Count    int
	New      int           // its descriptor
	Data     []byte        // what came; nothing, without an Errno, is the end of the stream
	Errno    syscall.Errno // why it failed
	Buffer   uint16        // the Completer's own
}

// complete handles what has been done.
func (l *EventLoop) complete(ev *Event, c *Conn, app *App) {
	d := ev.Done
	switch {
	case d.Accepted:
		if fresh := l.accepted(d.New, d.Errno); fresh != nil {
			l.take(fresh, app)
		}
	case d.Sent:
		if c != nil && !c.turnSent(l, app, d.Count, d.Errno) {
			l.forget(ev.Fd, c)
		}
	case c != nil && !c.TurnGiven(app, d.Data, d.Errno):
		l.forget(ev.Fd, c)
	}
	l.completer.Recycle(d)
}

// accepted makes a connection of a descriptor that the Completer has accepted, or counts why it has none.
func (l *EventLoop) accepted(fd int, errno syscall.Errno) *Conn {
	ln := l.ln
	switch {
	case errno == syscall.ECANCELED:
		return nil
	case errno != 0:
		ln.acceptFailed(errno)
		return nil
	case ln.closed.Load():
		raw.Close(fd)
		return nil
	}
	ln.back.reset()
	ln.count.Syscalls.Add(1)
	return l.fresh(fd, raw.PeerAddr(fd)).join()
}

// readsItself says whether the handler does the reading.
func (a *App) readsItself() bool { return a.Readable != nil && a.Data == nil }

// TurnGiven is a Turn with what a Completer has received: data, or the end of the stream, or an error.
func (c *Conn) TurnGiven(app *App, data []byte, errno syscall.Errno) bool {
	if !c.acquire() {
		return false
	}
	c.mu.Lock()
	if c.state&finished != 0 {
		c.mu.Unlock()
		c.release()
		return false
	}
	c.state |= inTurn
	wanted := c.state&(ended|closing) == 0 && c.err == nil
	c.mu.Unlock()
	if wanted {
		if n, _ := c.received(len(data), errno); n > 0 && app.Data != nil {
			c.outcome(c.data(app, data))
		}
	}
	if c.fed(app) {
		c.outcome(nil, c.writable(app))
	}
	return c.endTurn(app)
}
