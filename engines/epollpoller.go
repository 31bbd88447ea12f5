package engines

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// An epollPoller waits with epoll. The kernel has the list; epoll_ctl may change it from any thread, also during a wait.
type epollPoller struct {
	ep        int // the epoll descriptor
	listener  int
	exclusive uint32 // EPOLLEXCLUSIVE for the listener, when it is not ours alone
	edge      uint32 // EPOLLET for the connections
	count     *Counters
	events    [512]raw.EpollEvent
}

// epollExclusive is EPOLLEXCLUSIVE: of several epoll descriptors that watch the listener the
// kernel wakes one, or a few (epoll_ctl(2)).
const epollExclusive = 1 << 28

// epollEdge is EPOLLET, which syscall has as a negative number.
const epollEdge = 1 << 31

// NewEpoll is a Poller for a listener, which several of them may share, and for connections, of whose edges it tells,
// or of whose levels.
func NewEpoll(ln *Listener, shared, edges bool) (Poller, error) {
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		return nil, &Error{"make an epoll descriptor", "", errno}
	}
	p := &epollPoller{ep: ep, listener: ln.Fileno(), count: ln.Counters()}
	if shared {
		p.exclusive = epollExclusive
	}
	if edges {
		p.edge = epollEdge
	}
	return p, nil
}

// Watch registers a descriptor, or changes its registration.
func (p *epollPoller) Watch(fd int, tag uint32, was, want Interest) syscall.Errno {
	var events uint32
	if want&In != 0 {
		events |= syscall.EPOLLIN
	}
	if want&Out != 0 {
		events |= syscall.EPOLLOUT
	}
	switch {
	case fd == p.listener:
		events |= p.exclusive
	case tag != 0 && p.edge != 0:
		events |= p.edge | syscall.EPOLLRDHUP | syscall.EPOLLPRI
	}
	op := syscall.EPOLL_CTL_MOD
	if was == 0 {
		op = syscall.EPOLL_CTL_ADD
	}
	return p.control(op, fd, tag, events)
}

// Unwatch takes a descriptor out; one that is closed the kernel has taken out itself.
func (p *epollPoller) Unwatch(fd int, closed bool) {
	if !closed {
		p.control(syscall.EPOLL_CTL_DEL, fd, 0, 0)
	}
}

func (p *epollPoller) control(op, fd int, tag, events uint32) syscall.Errno {
	p.count.Syscalls.Add(1)
	return raw.EpollCtl(p.ep, op, fd, tag, events)
}

// Prepare has nothing to copy: a change reaches a wait that is going on.
func (p *epollPoller) Prepare() (copied bool) { return false }

// Wait asks for what is ready. Milliseconds are all that epoll_wait knows, so a limit is rounded up.
func (p *epollPoller) Wait(busy bool, limit time.Duration, ready []Event) ([]Event, syscall.Errno) {
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
		ready = append(ready, Event{Fd: int(ev.Fd), Tag: uint32(ev.Pad), Ready: epollReady(ev.Events)})
	}
	return ready, errno
}

// epollReady is what an event means.
func epollReady(events uint32) (i Interest) {
	if events&syscall.EPOLLIN != 0 {
		i |= In
	}
	if events&syscall.EPOLLOUT != 0 {
		i |= Out
	}
	if events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
		i |= Gone
	}
	if events&(syscall.EPOLLRDHUP|syscall.EPOLLPRI) != 0 {
		i |= odds
	}
	return i
}

// Close ends all registrations with it.
func (p *epollPoller) Close() { raw.Close(p.ep) }
