package load

import (
	"errors"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// drop closes a connection. What is in flight on it must have been counted.
func (w *worker) drop(i int) {
	c := &w.conns[i]
	switch c.state {
	case dialing:
		w.making--
	case up:
		w.open--
	}
	if c.fd >= 0 {
		raw.Close(c.fd)
	}
	c.fd, c.state, c.pending, c.closes = -1, down, 0, false
	c.head = 0
}

// maxFails is after how many attempts in a row a connection counts as hopeless: the pauses before add up to more than
// half a second. firstPause is the first of them, and each is twice the one before.
const (
	maxFails   = 6
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
)

// fail counts what happened to each request in flight, or to the connection where there is none, and opens it again
// later: at once, if it has served at all.
func (w *worker) fail(i int, code string) {
	c := &w.conns[i]
	served := c.state == up && c.served
	w.rec.Fail(code, max(1, int64(c.flight)))
	w.flying -= int64(c.flight)
	w.drop(i)
	c.flight = 0
	if served {
		c.fails = 0
		w.again(i, w.now())
		return
	}
	c.fails = min(c.fails+1, 100)
	if c.fails == maxFails {
		w.hopeless++
	}
	c.retry = w.now() + int64(min(firstPause<<min(c.fails-1, 10), lastPause))
	w.waiting++
}

// again opens a connection anew, or has it take a request that opens it.
func (w *worker) again(i int, now int64) {
	c := &w.conns[i]
	if c.retry != 0 {
		c.retry = 0
		w.waiting--
		if c.fails >= maxFails {
			w.hopeless--
			c.fails = maxFails - 1 // one more failure, and it is hopeless again
		}
	}
	if w.cfg.Mode == Churn {
		w.ready(i, now)
		return
	}
	w.dial(i, now)
}

// codeOf is the kernel's name of an error.
func codeOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return "ERROR"
}
