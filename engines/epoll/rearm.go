package epoll

import (
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// Rearm tells the kernel what to wait for. epoll_ctl may be called from any thread, also while the loop waits.
func (l *loop) Rearm(c *engines.Conn, was, want engines.Interest) syscall.Errno {
	fd := c.Fileno()
	if fd < 0 {
		return 0
	}
	var events uint32
	if want&engines.In != 0 {
		events |= syscall.EPOLLIN
	}
	if want&engines.Out != 0 {
		events |= syscall.EPOLLOUT
	}
	op := syscall.EPOLL_CTL_MOD
	if was == 0 {
		op = syscall.EPOLL_CTL_ADD
	}
	l.mu.Lock()
	generation := l.slots[fd].generation
	l.mu.Unlock()
	return l.control(op, fd, generation, events)
}

// Wake has the loop visit a connection.
func (l *loop) Wake(c *engines.Conn) {
	l.mu.Lock()
	l.pending = append(l.pending, c)
	first := len(l.pending) == 1
	l.mu.Unlock()
	if first {
		l.wakeUp()
	}
}

// wakeUp ends the loop's wait.
func (l *loop) wakeUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		raw.Notify(l.wake)
	}
}

// close frees the loop's own descriptors.
func (l *loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	for _, fd := range []int{l.wake, l.ep} {
		if fd >= 0 {
			raw.Close(fd)
		}
	}
}
