package selectmodel

import (
	"context"
	"math/bits"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// acceptBatch is how many connections are accepted before those that are open get their turn again.
const acceptBatch = 64

// run is the loop.
func (l *loop) run(ctx context.Context, app *engines.App) error {
	defer l.end(app)
	busy := false
	for ctx.Err() == nil {
		read, write := l.interests()
		n, errno := l.wait(busy, &read, &write)
		if errno != 0 && errno != syscall.EINTR {
			return &engines.Error{Op: "select", Err: errno}
		}
		raw.Safepoint()
		if busy = n > 0; busy {
			l.count.Wakeups.Add(1)
			l.dispatch(&read, &write, app)
		}
		l.visit(app)
	}
	return nil
}

// interests copies the sets: the kernel overwrites what it is given with what is ready. From here on a change has to
// end the wait; what has changed before must not be slept over.
func (l *loop) interests() (read, write raw.FdSet) {
	pause := l.ln.Pause()
	l.mu.Lock()
	defer l.mu.Unlock()
	read, write = l.read, l.write
	if pause > 0 {
		read.Clear(l.ln.Fileno())
	}
	l.asleep = len(l.pending) == 0 && !l.stopping
	return read, write
}

// wait waits without the scheduler while there is traffic, but never longer than a millisecond; and as long as it
// takes once a wait has found nothing. So an idle loop stands in nobody's way.
func (l *loop) wait(busy bool, read, write *raw.FdSet) (n int, errno syscall.Errno) {
	l.count.Syscalls.Add(1)
	width := max(read.Width(), write.Width())
	if busy || !l.sleeps() {
		n, errno = raw.SelectRaw(width, read, write, time.Millisecond)
	} else if pause := l.ln.Pause(); pause > 0 {
		n, errno = raw.Select(width, read, write, pause)
	} else {
		n, errno = raw.Select(width, read, write, -1)
	}
	l.mu.Lock()
	l.asleep = false
	l.mu.Unlock()
	return n, errno
}

// sleeps says whether the wait may be a long one.
func (l *loop) sleeps() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asleep
}

// dispatch looks at every bit, which is what a program has to do after select.
func (l *loop) dispatch(read, write *raw.FdSet, app *engines.App) {
	for word := range read {
		for set := read[word] | write[word]; set != 0; set &= set - 1 {
			fd := word*64 + bits.TrailingZeros64(set)
			switch fd {
			case l.ln.Fileno():
				l.accept(app)
			case l.wake:
				raw.Drain(l.wake)
			default:
				l.turn(fd, read.IsSet(fd), write.IsSet(fd), app)
			}
		}
	}
}

// turn gives one connection its turn. A descriptor that was closed and accepted anew since the wait has nothing to
// read yet, which does no harm.
func (l *loop) turn(fd int, read, write bool, app *engines.App) {
	var ready engines.Interest
	if read {
		ready |= engines.In
	}
	if write {
		ready |= engines.Out
	}
	if c := l.conns[fd]; c != nil && !c.Turn(app, ready, l.buf) {
		l.forget(fd, c)
	}
}

// accept takes what waits in the listener's queue.
func (l *loop) accept(app *engines.App) {
	for range acceptBatch {
		c, err := l.ln.Accept()
		if err != nil {
			return // the queue is empty, or there is a pause
		}
		fd := c.Fileno()
		if fd >= raw.FdSetSize {
			if l.full == "" {
				l.full = tooHigh(fd)
			}
			l.ln.Refuse(c, l.full)
			continue
		}
		l.conns[fd] = c
		if !c.Begin(l, app) {
			l.forget(fd, c)
		}
	}
}

// forget takes a closed connection out, unless the descriptor is somebody else's already.
func (l *loop) forget(fd int, c *engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[fd] == c {
		l.conns[fd] = nil
		l.read.Clear(fd)
		l.write.Clear(fd)
	}
}

// visit gives a turn to those that asked for one.
func (l *loop) visit(app *engines.App) {
	l.mu.Lock()
	pending := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, c := range pending {
		fd := c.Fileno()
		if !c.Turn(app, 0, l.buf) && fd >= 0 {
			l.forget(fd, c)
		}
	}
}

// end closes every connection.
func (l *loop) end(app *engines.App) {
	for fd, c := range l.conns {
		if c != nil {
			c.End(app)
			l.forget(fd, c)
		}
	}
}
