package selectmodel

import (
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// Rearm changes the sets. A wait that is going on has the former ones, so it is ended.
func (l *loop) Rearm(c *engines.Conn, _, want engines.Interest) syscall.Errno {
	fd := c.Fileno()
	if fd < 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read.Clear(fd)
	l.write.Clear(fd)
	if want&engines.In != 0 {
		l.read.Set(fd)
	}
	if want&engines.Out != 0 {
		l.write.Set(fd)
	}
	l.rouse()
	return 0
}

// Wake has the loop visit a connection.
func (l *loop) Wake(c *engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, c)
	l.rouse()
}

// rouse ends the loop's wait, if it waits; l.mu is held.
func (l *loop) rouse() {
	if l.asleep && !l.closed {
		raw.Notify(l.wake)
	}
}

// wakeUp is rouse for the stop of the server.
func (l *loop) wakeUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	l.rouse()
}

func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		raw.Close(l.wake)
	}
}
