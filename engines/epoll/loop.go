package epoll

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// acceptBatch is how many connections are accepted before those that are open get their turn again.
const acceptBatch = 64

// A slot is what the loop knows of a descriptor: whose it is, and how often it has changed hands. An event of an
// earlier owner carries an earlier generation.
type slot struct {
	conn       *engines.Conn
	generation uint32
}

// A loop is one flow of control.
type loop struct {
	ln     *engines.Listener
	count  *engines.Counters
	ep     int // the epoll descriptor
	wake   int // an eventfd
	shared bool
	events [512]raw.EpollEvent
	buf    []byte

	mu      sync.Mutex
	slots   []slot          // by descriptor
	pending []*engines.Conn // those that want a turn though nothing is ready
	closed  bool
}

func newLoop(ln *engines.Listener, shared bool) (*loop, error) {
	l := &loop{ln: ln, count: ln.Counters(), shared: shared, buf: make([]byte, 64<<10), ep: -1, wake: -1}
	var errno syscall.Errno
	if l.ep, errno = raw.EpollCreate(); errno == 0 {
		if l.wake, errno = raw.Eventfd(); errno == 0 {
			if errno = l.control(syscall.EPOLL_CTL_ADD, l.wake, 0, syscall.EPOLLIN); errno == 0 {
				errno = l.listen(true)
			}
		}
	}
	if errno != 0 {
		l.close()
		return nil, &engines.Error{Op: "make an epoll descriptor", Err: errno}
	}
	return l, nil
}

func (l *loop) control(op, fd int, generation, events uint32) syscall.Errno {
	l.count.Syscalls.Add(1)
	return raw.EpollCtl(l.ep, op, fd, generation, events)
}

// exclusive is EPOLLEXCLUSIVE: of several epoll descriptors that watch the listener the kernel wakes one.
const exclusive = 1 << 28

// listen adds the listener to what is watched, or takes it out while nothing can be accepted.
func (l *loop) listen(on bool) syscall.Errno {
	if !on {
		return l.control(syscall.EPOLL_CTL_DEL, l.ln.Fileno(), 0, 0)
	}
	events := uint32(syscall.EPOLLIN)
	if l.shared {
		events |= exclusive
	}
	return l.control(syscall.EPOLL_CTL_ADD, l.ln.Fileno(), 0, events)
}

// run is the loop.
func (l *loop) run(ctx context.Context, app *engines.App) error {
	defer l.end(app)
	busy := false
	listening := true
	for ctx.Err() == nil {
		pause := l.ln.Pause()
		if listening != (pause == 0) {
			listening = !listening
			l.listen(listening)
		}
		n, errno := l.wait(busy, pause)
		if errno != 0 && errno != syscall.EINTR {
			return &engines.Error{Op: "epoll_wait", Err: errno}
		}
		raw.Safepoint()
		if n > 0 {
			l.count.Wakeups.Add(1)
		}
		busy = n > 0
		for i := range l.events[:n] {
			l.dispatch(&l.events[i], app)
		}
		l.visit(app)
	}
	return nil
}

// wait waits without the scheduler while there is traffic, but never longer than a millisecond; and as long as it
// takes once a wait has found nothing. So an idle loop stands in nobody's way.
func (l *loop) wait(busy bool, pause time.Duration) (int, syscall.Errno) {
	l.count.Syscalls.Add(1)
	if busy {
		return raw.EpollWaitRaw(l.ep, l.events[:], 1)
	}
	if pause > 0 {
		return raw.EpollWait(l.ep, l.events[:], int(pause/time.Millisecond)+1)
	}
	return raw.EpollWait(l.ep, l.events[:], -1)
}

// dispatch handles one event.
func (l *loop) dispatch(ev *raw.EpollEvent, app *engines.App) {
	fd := int(ev.Fd)
	switch fd {
	case l.ln.Fileno():
		l.accept(app)
		return
	case l.wake:
		raw.Drain(l.wake)
		return
	}
	l.mu.Lock()
	s := l.slots[fd]
	l.mu.Unlock()
	if s.conn != nil && s.generation == uint32(ev.Pad) && !s.conn.Turn(app, ready(ev.Events), l.buf) {
		l.forget(fd, s.conn)
	}
}

// ready says what an event means.
func ready(events uint32) (i engines.Interest) {
	if events&syscall.EPOLLIN != 0 {
		i |= engines.In
	}
	if events&syscall.EPOLLOUT != 0 {
		i |= engines.Out
	}
	if events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
		i |= engines.Gone
	}
	return i
}

// accept takes what waits in the listener's queue.
func (l *loop) accept(app *engines.App) {
	for range acceptBatch {
		c, err := l.ln.Accept()
		if err != nil {
			return // the queue is empty, or there is a pause; level-triggered, the rest comes again
		}
		fd := c.Fileno()
		l.mu.Lock()
		for fd >= len(l.slots) {
			l.slots = append(l.slots, slot{})
		}
		l.slots[fd].conn = c
		l.slots[fd].generation++
		l.mu.Unlock()
		if !c.Begin(l, app) {
			l.forget(fd, c)
		}
	}
}

// forget empties a closed connection's slot, unless the descriptor is somebody else's already.
func (l *loop) forget(fd int, c *engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slots[fd].conn == c {
		l.slots[fd].conn = nil
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
	for fd := range l.slots {
		if c := l.slots[fd].conn; c != nil {
			c.End(app)
			l.forget(fd, c)
		}
	}
}
