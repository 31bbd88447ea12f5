package server

import (
	"context"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// idle opens the connections, has one answer on each, and looks at what the server holds for them while they say nothing.
func idle(ctx context.Context, s *Server, c *clients, before surroundings, request []byte, row *ModelCost) error {
	before.settle(ctx)
	heapBefore, private := heap(), before.private()
	defer c.close()
	if err := c.connect(ctx); err != nil {
		return err
	}
	c.exchange(ctx, request)
	before.settle(ctx)
	st := s.Stats()
	row.Threads, row.Processes = st.Threads, st.Processes
	row.Descriptors = before.opened(c.open())
	held, active := heap(), float64(max(1, st.Active)) // those in the kernel's queue cost this process nothing
	private = before.private() - private
	c.close()
	for limit := time.Now().Add(3 * time.Second); ctx.Err() == nil && time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if st := s.Stats(); st.Active == 0 && st.Queued == 0 {
			break
		}
	}
	// What others have let go meanwhile hides some of it, on one side or the other.
	own := max(0, held-heapBefore, held-heap())
	row.Memory = float64(own+max(0, private)) / active
	return ctx.Err()
}

// clients are connections that are driven from here, by poll(2): how fast does not matter.
type clients struct {
	socket func() (int, error)
	to     *raw.Sockaddr

	fds []raw.PollFd // -1 is none
	got []int
	buf []byte
}

func newClients(n int, socket func() (int, error), to *raw.Sockaddr) *clients {
	c := &clients{socket: socket, to: to, fds: make([]raw.PollFd, n), got: make([]int, n), buf: make([]byte, 64<<10)}
	for i := range c.fds {
		c.fds[i].Fd = -1
	}
	return c
}

func (c *clients) close() {
	for i := range c.fds {
		if c.fds[i].Fd >= 0 {
			raw.Close(int(c.fds[i].Fd))
			c.fds[i].Fd = -1
		}
	}
}

func (c *clients) open() (n int) {
	for i := range c.fds {
		if c.fds[i].Fd >= 0 {
			n++
		}
	}
	return n
}

// connect waits until the connections are made, or nothing more happens. One that fails is left out: the load will say.
func (c *clients) connect(ctx context.Context) error {
	for i := range c.fds {
		fd, err := c.socket()
		if err != nil {
			return err
		}
		c.fds[i] = raw.PollFd{Fd: int32(fd), Events: raw.PollOut}
		raw.Connect(fd, c.to)
	}
	c.wait(ctx, func(i int, ready int16) {
		c.fds[i].Events = 0
		if ready&(raw.PollErr|raw.PollHup) != 0 {
			raw.Close(int(c.fds[i].Fd))
			c.fds[i].Fd = -1
		}
	})
	return ctx.Err()
}

// exchange sends a request on each, and waits for the answers as long as there come some.
func (c *clients) exchange(ctx context.Context, request []byte) {
	for i := range c.fds {
		if c.fds[i].Fd >= 0 {
			n, _ := raw.Send(int(c.fds[i].Fd), request)
			c.got[i], c.fds[i].Events = -n, raw.PollIn
		}
	}
	c.wait(ctx, func(i int, ready int16) {
		n, errno := raw.Recv(int(c.fds[i].Fd), c.buf, 0)
		if c.got[i] += n; c.got[i] >= 0 || n == 0 && errno != syscall.EAGAIN {
			c.fds[i].Events = 0
		}
	})
}

// How long nothing may happen before it is taken that nothing will, and how long it may take at all.
const (
	quiet  = 500 * time.Millisecond
	enough = 3 * time.Second
)

// wait calls ready for each connection that is, until none waits for anything any more.
func (c *clients) wait(ctx context.Context, ready func(i int, events int16)) {
	began, last := time.Now(), time.Now()
	for ctx.Err() == nil && time.Since(began) < enough && time.Since(last) < quiet {
		left := false
		for i := range c.fds {
			left = left || c.fds[i].Fd >= 0 && c.fds[i].Events != 0
		}
		if !left {
			return
		}
		n, _ := raw.Poll(c.fds, 20*time.Millisecond)
		for i := range c.fds {
			if n > 0 && c.fds[i].Revents != 0 && c.fds[i].Fd >= 0 && c.fds[i].Events != 0 {
				last = time.Now()
				ready(i, c.fds[i].Revents)
			}
		}
	}
}
