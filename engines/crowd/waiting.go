package crowd

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A waiting is an epoll descriptor for connections of a keeper, and a wake-up: for the end of a context, and for
// connections that were closed meanwhile, of which epoll tells nothing.
type waiting struct {
	k        *keeper
	ep, wake int
	events   []raw.EpollEvent
}

// wakeTag marks the wake-up among the events.
const wakeTag = 1

func newWaiting(k *keeper) (*waiting, syscall.Errno) {
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		return nil, errno
	}
	wake, errno := raw.Eventfd()
	if errno != 0 {
		raw.Close(ep)
		return nil, errno
	}
	w := &waiting{k: k, ep: ep, wake: wake, events: make([]raw.EpollEvent, 256)}
	raw.EpollCtl(ep, syscall.EPOLL_CTL_ADD, wake, wakeTag, syscall.EPOLLIN)
	k.mu.Lock()
	k.wakes[wake] = struct{}{}
	k.mu.Unlock()
	return w, 0
}

func (w *waiting) close() {
	w.k.mu.Lock()
	delete(w.k.wakes, w.wake)
	w.k.mu.Unlock()
	raw.Close(w.wake)
	raw.Close(w.ep)
}

// arm asks to be told once about a descriptor, by a number. Once: a connection that was taken, and so lives on, tells no
// more after that.
func (w *waiting) arm(fd, number int, want uint32) syscall.Errno {
	ev := raw.EpollEvent{Events: want | syscall.EPOLLONESHOT, Fd: int32(number)}
	errno := raw.EpollSet(w.ep, syscall.EPOLL_CTL_MOD, fd, &ev)
	if errno == syscall.ENOENT {
		errno = raw.EpollSet(w.ep, syscall.EPOLL_CTL_ADD, fd, &ev)
	}
	return errno
}

// disarm forgets a descriptor.
func (w *waiting) disarm(fd int) { raw.EpollCtl(w.ep, syscall.EPOLL_CTL_DEL, fd, 0, 0) }

// next waits for events, at most so long; negative is for ever. Roused says that there is something else to look at.
func (w *waiting) next(milliseconds int) (events []raw.EpollEvent, roused bool) {
	n, _ := raw.EpollWait(w.ep, w.events, milliseconds)
	events = w.events[:n]
	for i := range events {
		if events[i].Pad == wakeTag {
			raw.Drain(w.wake)
			events[i] = events[n-1]
			return events[:n-1], true
		}
	}
	return events, false
}
