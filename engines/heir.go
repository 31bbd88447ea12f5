package engines

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// An Heir is this process as one that serves connections, or a listener, of its parent's.
type Heir struct {
	hub    *hub
	count  *Counters
	cancel context.CancelFunc
	idle   atomic.Bool // it sleeps in accept, or is about to
}

// NewHeir makes an account of connections that counts in count, which may be memory shared with the parent, and tells
// it of errors, in words, and of what a person should know.
func NewHeir(ctx context.Context, count *Counters, limit int, fail, log func(text string)) (*Heir, error) {
	stopFd, errno := raw.Eventfd()
	if errno != 0 {
		return nil, &Error{"serve", "", errno}
	}
	h := &Heir{count: count}
	ctx, h.cancel = context.WithCancel(ctx)
	h.hub = &hub{limit: limit, base: ctx, stopFd: stopFd, holders: 1, gone: make(chan struct{}), told: fail,
		workers: []*Counters{count}, log: func(format string, args ...any) { log(fmt.Sprintf(format, args...)) }}
	if h.hub.limit <= 0 {
		h.hub.limit = DefaultSendLimit
	}
	return h, nil
}

// Context ends when the parent says so.
func (h *Heir) Context() context.Context { return h.hub.base }

// Conn is a connection that the parent has accepted, and counted.
func (h *Heir) Conn(fd int) *Conn {
	c := &Conn{fd: fd, peer: raw.PeerAddr(fd), hub: h.hub, count: h.count}
	h.hub.add(c)
	c.waiting().wake.ensure() // or a close would have to shut down what others may hold; without, it does
	return c
}

// Serve accepts connections from a listener of the parent's and serves one after the other, until it is stopped or over
// says so after one of them. The descriptor must not be non-blocking: the thread sleeps in accept(2), and of all that
// do the kernel wakes one for each connection.
func (h *Heir) Serve(fd int, app *App, over func() bool) {
	ln := &Listener{shared: &shared{hub: h.hub, fd: fd, addr: raw.LocalAddr(fd)}, count: h.count}
	for !over() {
		h.idle.Store(true)
		if h.hub.base.Err() != nil {
			return
		}
		c, err := ln.acceptBlocking()
		h.idle.Store(false)
		if err != nil {
			return
		}
		Flow(h.hub.base, c, app)
	}
}

// Loop serves a listener of the parent's with an epoll loop of this process's own, until it is stopped. Those that share the
// listener are woken one at a time (EPOLLEXCLUSIVE).
func (h *Heir) Loop(fd int, app App) error {
	ln := h.hub.listener(fd, Config{}, h.count)
	p, err := NewEpoll(ln, true, false)
	if err != nil {
		return err
	}
	l, err := NewEventLoop(ln, p, LoopOptions{Name: "epoll_wait", Batch: 1})
	if err != nil {
		return err
	}
	return ServeLoops(h.hub.base, ln, app, l)
}

// acceptBlocking is accept(2) as it is. A listener that is shut down has EINVAL for everybody.
func (ln *Listener) acceptBlocking() (*Conn, error) {
	for {
		if pause := ln.Pause(); pause > 0 {
			time.Sleep(pause)
		}
		ln.count.Syscalls.Add(1)
		fd, peer, errno := raw.AcceptWaiting(ln.fd)
		switch errno {
		case 0:
			ln.back.reset()
			ln.count.Wakeups.Add(1)
			c := &Conn{fd: fd, peer: peer, hub: ln.hub, count: ln.count}
			ln.hub.add(c)
			ln.count.Accepted.Add(1)
			return c, nil
		case syscall.EINTR:
			continue
		case syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK:
			return nil, errno
		}
		ln.acceptFailed(errno)
	}
}

// Waiting says that nothing goes on but an accept.
func (h *Heir) Waiting() bool { return h.idle.Load() }

// Stop ends what runs: contexts end, and who waits for a connection is woken.
func (h *Heir) Stop() {
	h.cancel()
	h.hub.stop()
}
