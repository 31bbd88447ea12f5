package engines

import (
	"context"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A sleeper is a thread that sleeps in recv(2), as one of a C server does: one call for a message, where a wait in ppoll
// before it would be two.
//
// What wakes it is a flag and a signal, in this order. The flag is the socket's O_NONBLOCK. A thread that has not got
// into recv yet finds the flag there; one that sleeps in recv is taken out by the signal (Go's own for such things,
// SIGURG), and the kernel makes the call again, because Go asks for that, and the call finds the flag. So no wake-up is
// lost between a look and the sleep, and none has to be repeated.
type sleeper struct {
	thread atomic.Int32 // the one that sleeps, or is about to; 0 is none
}

// sleep waits until something has come, and receives it; ok is false when it was poked and the caller should look again.
func (w *waiter) sleep(ctx context.Context, p []byte) (n int, errno syscall.Errno, ok bool, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return w.sleepIn(raw.RecvWaiting, raw.Thread(), ctx, p)
}

// sleepOn is sleep on a thread that the goroutine is locked to: one of many, as a rule.
func (w *waiter) sleepOn(thread int32, ctx context.Context, p []byte) (n int, errno syscall.Errno, ok bool, err error) {
	return w.sleepIn(raw.RecvAttended, thread, ctx, p)
}

func (w *waiter) sleepIn(recv func(int, []byte) (int, syscall.Errno), thread int32, ctx context.Context, p []byte) (n int, errno syscall.Errno, ok bool, err error) {
	w.hook(&w.in, ctx)
	w.asleep.thread.Store(thread)
	defer w.asleep.thread.Store(0)
	for {
		if err := w.over(ctx); err != nil {
			return 0, 0, false, err
		}
		if w.in.poked.Swap(false) {
			return 0, 0, false, nil
		}
		w.count.Syscalls.Add(1)
		switch n, errno = recv(w.fd, p); errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			raw.SetNonblock(w.fd, false) // as it was accepted, or somebody has poked
		default:
			w.count.Wakeups.Add(1)
			return n, errno, true, nil
		}
	}
}

// rouse wakes whoever sleeps in recv. It comes after the poked mark, which a sleeper looks at once it has said who it is.
func (w *waiter) rouse() {
	w.wake.mu.Lock()
	defer w.wake.mu.Unlock()
	// A poke may be late, and the descriptor another file's.
	if thread := w.asleep.thread.Load(); thread != 0 && !w.wake.closed {
		raw.SetNonblock(w.fd, true)
		raw.Interrupt(thread)
	}
}
