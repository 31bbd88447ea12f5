package load

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// turn waits once and handles what came. While there is traffic the wait is made without the scheduler, and short; see
// raw.EpollWaitRaw.
func (w *worker) turn(limit time.Duration) {
	n, errno := w.wait(min(limit, time.Millisecond), true)
	if n == 0 && errno == 0 && limit > time.Millisecond {
		n, _ = w.wait(limit-time.Millisecond, false)
	}
	raw.Safepoint()
	for i := range n {
		ev := &w.events[i]
		fd := int(ev.Fd)
		if fd == w.wake {
			raw.Drain(w.wake)
			continue
		}
		if c := &w.conns[w.byFd[fd]]; c.fd == fd && c.gen == uint32(ev.Pad) {
			w.handle(int(w.byFd[fd]), ev.Events)
		}
	}
}

func (w *worker) wait(limit time.Duration, brief bool) (int, syscall.Errno) {
	if !w.coarse {
		n, errno := raw.EpollWaitFor(w.ep, w.events, limit, brief)
		if errno != syscall.ENOSYS {
			return n, errno
		}
		w.coarse = true
	}
	// Less than a millisecond is spent turning: to wait for a whole one would be late.
	if brief {
		return raw.EpollWaitRaw(w.ep, w.events, int(limit/time.Millisecond))
	}
	return raw.EpollWait(w.ep, w.events, int(limit/time.Millisecond))
}
