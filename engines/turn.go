package engines

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Loop waits for connections; it is what event models differ in. Both methods are called from any goroutine, with
// the connection locked: they must not call back into it.
type Loop interface {
	// Rearm waits for want instead of was; was is 0 the first time. The connection is open.
	Rearm(c *Conn, was, want Interest) syscall.Errno
	// Wake gives the connection a Turn soon, though nothing is ready.
	Wake(c *Conn)
}

// turnState is where an event connection stands.
type turnState uint8

const (
	inTurn      turnState = 1 << iota // its loop is running it: what changes now is acted on when the turn ends
	ended                             // the peer has sent all it will send
	hungry                            // the handler wants its Writable
	halfClosing                       // end the outgoing direction when the queue is empty
	closing                           // close when the queue is empty
	finished                          // closed, or about to be
	empty                             // the last read found that there is no more, for now
	handed                            // a Sender has what is queued, and tells when it is sent
)

// Begin takes a connection into a loop and runs Open. It returns false when that was the end of it.
func (c *Conn) Begin(loop Loop, app *App) bool {
	if !c.acquire() {
		return false
	}
	c.mu.Lock()
	c.loop = loop
	c.state |= inTurn
	c.mu.Unlock()
	if app.Open != nil {
		c.outcome(c.open(app))
	}
	return c.endTurn(app)
}

// Turn runs an event connection once: it sends what is queued, reads at most len(buf) bytes, calls what the App has
// for that. It returns false when the connection is closed. Only the connection's loop calls it.
func (c *Conn) Turn(app *App, ready Interest, buf []byte) bool {
	if !c.acquire() {
		return false
	}
	c.mu.Lock()
	if c.state&finished != 0 {
		c.mu.Unlock()
		c.release()
		return false
	}
	c.state = c.state&^empty | inTurn
	if ready&Out != 0 {
		c.flush()
	}
	reads := ready&(In|Gone) != 0 && c.state&(ended|closing) == 0 && c.err == nil
	if ready&Gone != 0 && !reads && c.err == nil {
		c.err = gone(c.fd)
	}
	c.mu.Unlock()
	if reads {
		c.input(app, buf)
	}
	if c.fed(app) {
		c.outcome(nil, c.writable(app))
	}
	return c.endTurn(app)
}

// unfinished says whether a turn may have left something unread that is wanted.
func (c *Conn) unfinished() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && c.state&(empty|finished) == 0 && c.want()&In != 0
}

// End closes a connection whose server stops. What is queued is offered to the kernel once more.
func (c *Conn) End(app *App) {
	if !c.acquire() {
		return
	}
	c.mu.Lock()
	done := c.state&finished != 0
	if !done {
		if c.state&handed == 0 {
			c.flush()
		}
		c.state |= finished
	}
	err := c.err
	c.mu.Unlock()
	if done {
		c.release()
		return
	}
	c.finish(app, err)
}

// gone is why a connection failed that nobody reads from any more.
func gone(fd int) error {
	if errno, _ := raw.GetInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR); errno != 0 {
		return syscall.Errno(errno)
	}
	return syscall.EPIPE
}

// input reads once and hands over what came, or lets the handler read.
func (c *Conn) input(app *App, buf []byte) {
	if app.readsItself() {
		c.outcome(nil, c.readable(app))
		return
	}
	n, errno := c.recvNow(buf)
	n, _ = c.received(n, errno)
	if n > 0 && app.Data != nil {
		c.outcome(c.data(app, buf[:n]))
	}
}

// outcome does what a callback asked for: sends its reply, and ends the connection with its error.
func (c *Conn) outcome(reply []byte, err error) {
	if len(reply) > 0 && !c.hand(reply) {
		c.enqueue(reply, false)
	}
	// A handler that passes on what Read said does not mean to fail.
	if err != nil && !errors.Is(err, io.EOF) && err != syscall.EAGAIN {
		c.failed(err)
	}
}

// fed says whether Writable is due, and takes the wish for it back.
func (c *Conn) fed(app *App) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state&hungry == 0 || c.err != nil || c.state&closing != 0 {
		return false
	}
	if app.Writable == nil {
		c.state &^= hungry
		return false
	}
	if c.queued() > c.limit()/2 || c.pollNow(Out) == 0 {
		return false
	}
	c.state &^= hungry
	return true
}

// endTurn closes the connection if it is over, and otherwise waits for what it needs now.
func (c *Conn) endTurn(app *App) bool {
	c.mu.Lock()
	c.state &^= inTurn
	if !c.over() {
		if want := c.want(); want != c.armed {
			if errno := c.loop.Rearm(c, c.armed, want); errno != 0 {
				c.err = &Error{"wait for a connection", "", errno}
			}
			c.armed = want
		}
	}
	over := c.over()
	if over {
		c.state |= finished
	}
	err := c.err
	c.mu.Unlock()
	if over {
		c.finish(app, err)
		return false
	}
	c.release()
	return true
}

// over says whether nothing is left to do; c.mu is held.
func (c *Conn) over() bool {
	if c.err != nil {
		return true
	}
	return c.queued() == 0 && (c.state&closing != 0 || c.state&ended != 0 && c.state&hungry == 0)
}

// want is what to wait for; c.mu is held. A connection whose queue is full is not read from: so a peer that never
// reads what it asked for is held up by TCP itself, and the server's memory stays bounded.
func (c *Conn) want() (want Interest) {
	queued := c.queued()
	if c.state&(ended|closing) == 0 && (queued == 0 || queued < c.limit()) {
		want |= In
	}
	if queued > 0 && c.state&handed == 0 || c.state&hungry != 0 {
		want |= Out
	}
	return want
}

// rearm tells the loop of a change from outside a turn; c.mu is held.
func (c *Conn) rearm() {
	if c.state&(inTurn|finished) != 0 || c.loop == nil {
		return
	}
	if c.over() {
		c.loop.Wake(c)
		return
	}
	if want := c.want(); want != c.armed {
		if errno := c.loop.Rearm(c, c.armed, want); errno != 0 {
			c.err = &Error{"wait for a connection", "", errno}
			c.loop.Wake(c)
		}
		c.armed = want
	}
}

// finish runs Close and closes; the caller's reference ends with it.
func (c *Conn) finish(app *App, err error) {
	if app.Close != nil {
		if problem := c.closed(app, err); problem != nil {
			c.blame(problem)
		}
	}
	if err != nil {
		c.blame(err)
	}
	c.closeDescriptor()
	c.release()
}

// blame counts an error of this connection. One that stopping the server brought about is none.
func (c *Conn) blame(err error) {
	if c.hub != nil && !errors.Is(err, net.ErrClosed) && !(errors.Is(err, context.Canceled) && c.hub.base.Err() != nil) {
		c.hub.fail(reason(err))
	}
}
