package engines

import (
	"context"
	"net"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// poll waits with ppoll on the calling thread, for what sleep does not do. A signal to end it might come just before the
// call, so the server's stop and a wake-up are in its set.
func (w *waiter) poll(ctx context.Context, want Interest) (Interest, error) {
	wake, err := w.wakeFor(ctx, want)
	if err != nil {
		return 0, err
	}
	w.wake.enter()
	defer w.wake.leave()
	// The stop of the server pokes everybody: who has a wake-up learns of it so.
	fds := &w.side(want).fds
	fds[0], fds[1] = raw.PollFd{Fd: int32(w.fd), Events: pollEvents(want)}, raw.PollFd{Fd: int32(wake), Events: raw.PollIn}
	if wake < 0 {
		fds[1].Fd = int32(w.stop) // ppoll skips -1
	}
	for {
		if err := w.over(ctx); err != nil {
			return 0, err
		}
		if want&In != 0 && w.in.poked.Swap(false) || want&Out != 0 && w.out.poked.Swap(false) {
			return 0, nil
		}
		w.count.Syscalls.Add(1)
		_, errno := raw.Poll(fds[:], -1)
		switch {
		case errno == syscall.EINTR:
		case errno != 0:
			return 0, errno
		case wake < 0 && fds[1].Revents != 0:
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return 0, net.ErrClosed
		case fds[0].Revents != 0:
			w.count.Wakeups.Add(1)
			return pollReady(fds[0].Revents), nil
		default:
			return 0, nil
		}
	}
}

// wakeFor hooks ctx in, and makes the wake-up where something may need it.
func (w *waiter) wakeFor(ctx context.Context, want Interest) (int, error) {
	if ctx.Done() != nil && ctx != w.base {
		if _, err := w.wake.ensure(); err != nil {
			return -1, err
		}
		w.hook(w.side(want), ctx)
	}
	return w.wake.descriptor(), nil
}

func pollEvents(want Interest) (events int16) {
	if want&In != 0 {
		events |= raw.PollIn
	}
	if want&Out != 0 {
		events |= raw.PollOut
	}
	return events
}

func pollReady(revents int16) (ready Interest) {
	if revents&raw.PollIn != 0 {
		ready |= In
	}
	if revents&raw.PollOut != 0 {
		ready |= Out
	}
	if revents&(raw.PollErr|raw.PollHup) != 0 {
		ready |= Gone
	}
	return ready
}

// A waker is an eventfd that exists only where it is needed.
type waker struct {
	mu      sync.Mutex
	fd      int
	made    bool // fd is one
	closed  bool
	noted   bool // somebody has notified since it was quiet
	waiting int
}

// ensure makes the eventfd.
func (w *waker) ensure() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return -1, net.ErrClosed
	}
	if !w.made {
		fd, errno := raw.Eventfd()
		if errno != 0 {
			return -1, &Error{"make a wake-up", "", errno}
		}
		w.fd, w.made = fd, true
	}
	return w.fd, nil
}

// adopt takes an eventfd that was made before.
func (w *waker) adopt(fd int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made || w.closed {
		raw.Close(fd)
		return
	}
	w.fd, w.made = fd, true
}

// descriptor is the eventfd, or -1.
func (w *waker) descriptor() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.made || w.closed {
		return -1
	}
	return w.fd
}

// notify wakes whoever waits, or will.
func (w *waker) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made && !w.closed && !w.noted {
		w.noted = true
		raw.Notify(w.fd)
	}
}

func (w *waker) enter() {
	w.mu.Lock()
	w.waiting++
	w.mu.Unlock()
}

// leave makes the eventfd quiet when nobody else waits who has still to see it.
func (w *waker) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting--; w.waiting == 0 && w.noted && !w.closed {
		w.noted = false
		raw.Drain(w.fd)
	}
}

func (w *waker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made && !w.closed {
		raw.Close(w.fd)
	}
	w.closed = true
}
