package child

import (
	"errors"
	"syscall"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// listen hears messages until the child closes its end.
func (c *Child) listen() {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, mostMessage)
	for {
		var n int
		var fds []int
		waited := raw.Read(func(fd uintptr) bool {
			n, fds, err = pass.Receive(int(fd), buf)
			return err != unix.EAGAIN
		})
		if errors.Is(err, unix.ECONNRESET) {
			continue // it ended with messages of ours unread; its own are still there
		}
		if err != nil || waited != nil {
			return
		}
		if c.hearer != nil {
			c.hearer(buf[:n], fds)
			continue
		}
		pass.Close(fds) // such a child sends none
		c.hear(buf[0], buf[1:n])
	}
}

func (c *Child) hear(kind byte, body []byte) {
	c.mu.Lock()
	w := c.work
	if kind == msgReady && !c.said {
		c.said = true
		close(c.ready)
	}
	c.mu.Unlock()
	switch {
	case w == nil:
	case kind == msgErrno && len(body) == 1:
		w.Blame(syscall.Errno(body[0]))
	case kind == msgRefused && len(body) == 1:
		w.Refused(syscall.Errno(body[0]))
	case kind == msgFail:
		w.Fail(string(body))
	case kind == msgLog:
		w.Log(string(body))
	case kind == msgTell && w.Heard != nil && len(body) > 0:
		w.Heard(body[0], body[1:])
	}
}

// order gives the child a descriptor to serve, and what was packed.
func (c *Child) order(kind byte, fd int, packed []byte, limit int) error {
	p, err := parcel(packed)
	if err != nil {
		return err
	}
	defer p.Close()
	return c.send(order{c.work.Row, limit}.encode(kind), fd, int(p.Fd()))
}

// Connection gives the child a connection to serve.
func (c *Child) Connection(fd int, packed []byte, limit int) error {
	return c.order(msgConn, fd, packed, limit)
}

// Listener gives the child a listener to accept from.
func (c *Child) Listener(fd int, packed []byte, limit int) error {
	return c.order(msgServe, fd, packed, limit)
}

// Run has a child whose Maker is a Runner run what was packed, with copies of the descriptors.
func (c *Child) Run(packed []byte, fds ...int) error {
	p, err := parcel(packed)
	if err != nil {
		return err
	}
	defer p.Close()
	return c.send([]byte{msgRun}, append([]int{int(p.Fd())}, fds...)...)
}

// MostDescriptors is how many Run can pass.
const MostDescriptors = pass.Most - 1

// Loop gives the child a listener to serve with an event loop.
func (c *Child) Loop(fd int, packed []byte, limit int) error {
	return c.order(msgLoop, fd, packed, limit)
}

func (c *Child) send(message []byte, fds ...int) error {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	waited := raw.Write(func(fd uintptr) bool {
		err = pass.Send(int(fd), message, fds...)
		return err != unix.EAGAIN
	})
	return errors.Join(err, waited)
}
