package epoll

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A poller waits with epoll. The kernel has the list; epoll_ctl may change it from any thread, also during a wait.
type poller struct {
	ep        int // the epoll descriptor
	listener  int
	exclusive uint32 // EPOLLEXCLUSIVE for the listener, when it is not ours alone
	edge      uint32 // EPOLLET for the connections
	count     *engines.Counters
	events    [512]raw.EpollEvent
}

// exclusive is EPOLLEXCLUSIVE: of several epoll descriptors that watch the listener the kernel wakes one.
const exclusive = 1 << 28

// edge is EPOLLET, which syscall has as a negative number.
const edge = 1 << 31

func newPoller(ln *engines.Listener, shared, edges bool) (*poller, error) {
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		return nil, &engines.Error{Op: "make an epoll descriptor", Err: errno}
	}
	p := &poller{ep: ep, listener: ln.Fileno(), count: ln.Counters()}
	if shared {
		p.exclusive = exclusive
	}
	if edges {
		p.edge = edge
	}
	return p, nil
}

// Watch registers a descriptor, or changes its registration.
func (p *poller) Watch(fd int, tag uint32, was, want engines.Interest) syscall.Errno {
	var events uint32
	if want&engines.In != 0 {
		events |= syscall.EPOLLIN
	}
	if want&engines.Out != 0 {
		events |= syscall.EPOLLOUT
	}
	switch {
	case fd == p.listener:
		events |= p.exclusive
	case tag != 0:
		events |= p.edge
	}
	op := syscall.EPOLL_CTL_MOD
	if was == 0 {
		op = syscall.EPOLL_CTL_ADD
	}
	return p.control(op, fd, tag, events)
}

// Unwatch takes a descriptor out; one that is closed the kernel has taken out itself.
func (p *poller) Unwatch(fd int, closed bool) {
	if !closed {
		p.control(syscall.EPOLL_CTL_DEL, fd, 0, 0)
	}
}

func (p *poller) control(op, fd int, tag, events uint32) syscall.Errno {
	p.count.Syscalls.Add(1)
	return raw.EpollCtl(p.ep, op, fd, tag, events)
}

// Prepare has nothing to copy: a change reaches a wait that is going on.
func (p *poller) Prepare() (copied bool) { return false }

// Wait asks for what is ready. Milliseconds are all that epoll_wait knows, so a limit is rounded up.
func (p *poller) Wait(busy bool, limit time.Duration, ready []engines.Event) ([]engines.Event, syscall.Errno) {
	milliseconds := -1
	if limit >= 0 {
		milliseconds = int((limit + time.Millisecond - 1) / time.Millisecond)
	}
	wait := raw.EpollWait
	if busy {
		wait = raw.EpollWaitRaw
	}
	n, errno := wait(p.ep, p.events[:], milliseconds)
	for i := range p.events[:n] {
		ev := &p.events[i]
		ready = append(ready, engines.Event{Fd: int(ev.Fd), Tag: uint32(ev.Pad), Ready: what(ev.Events)})
	}
	return ready, errno
}

// what an event means.
func what(events uint32) (i engines.Interest) {
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

// Close ends all registrations with it.
func (p *poller) Close() { raw.Close(p.ep) }
