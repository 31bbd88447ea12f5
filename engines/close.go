package engines

import (
	"fmt"
	"net"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// Close closes the connection. Under an event loop what is queued is sent first, and the loop does the closing; Send
// is refused from now on. Closing twice does nothing.
func (c *Conn) Close() error {
	if !c.acquire() {
		return nil
	}
	defer c.release()
	if s := c.secured(); s != nil {
		s.bye()
	}
	if !c.closeInLoop() {
		c.closeDescriptor()
	}
	return nil
}

// closeInLoop asks the connection's loop to close it; false when it has none.
func (c *Conn) closeInLoop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop == nil {
		return false
	}
	if c.state&(closing|finished) == 0 {
		c.state |= closing
		c.rearm()
	}
	return true
}

// Reset closes at once, with a TCP reset: what is queued or unread is lost, and the peer gets ECONNRESET.
func (c *Conn) Reset() error {
	if !c.acquire() {
		return net.ErrClosed
	}
	defer c.release()
	if c.Proto() != "tcp" {
		return syscall.EOPNOTSUPP // there is no connection to end
	}
	var errno syscall.Errno
	if c.onThread(func() { errno = raw.SetLinger(c.fd, true, 0) }); errno != 0 {
		return errno
	}
	c.lingers.Store(false)
	c.mu.Lock()
	c.count.Unsent.Add(int64(-c.queued()))
	c.out = nil
	c.mu.Unlock()
	if !c.closeInLoop() {
		c.closeDescriptor()
	}
	return nil
}

// Closed says whether this end has closed the connection, or is about to.
func (c *Conn) Closed() bool {
	if c.refs.Load()&closedBit != 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state&(closing|finished) != 0
}

// Shutdown ends one direction, "write" or "read", or "both". Ending the outgoing one tells the peer that all has
// been sent; under an event loop that happens once the queue is empty.
func (c *Conn) Shutdown(how string) error {
	direction, ok := map[string]int{"read": syscall.SHUT_RD, "write": syscall.SHUT_WR, "both": syscall.SHUT_RDWR}[how]
	if !ok {
		return fmt.Errorf(`shutdown: "read", "write" or "both" is expected, not %s`, quote(how))
	}
	if !c.acquire() {
		return net.ErrClosed
	}
	defer c.release()
	if c.gram != nil {
		return syscall.EOPNOTSUPP
	}
	if s := c.secured(); s != nil && direction != syscall.SHUT_RD {
		s.bye()
	}
	var errno syscall.Errno
	c.onThread(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if direction == syscall.SHUT_WR && c.queued() > 0 {
			c.state |= halfClosing
		} else {
			errno = raw.Shutdown(c.fd, direction)
		}
	})
	if errno != 0 {
		return errno
	}
	return nil
}
