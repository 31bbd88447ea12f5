package engines

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// parked is a descriptor that Go's own poller knows: waiting for it costs a goroutine and no thread.
type parked struct {
	fd      int32
	refs    atomic.Int32 // calls that use it now, and closedBit
	poller  raw.Polled
	in, out sync.Mutex // held by who waits in this direction
}

// park hands a descriptor to Go's poller, which owns it from now on: parked.close closes it.
func park(fd int) (*parked, error) {
	poller, errno := raw.Watched(fd)
	if errno != 0 {
		return nil, errno
	}
	return &parked{fd: int32(fd), poller: poller}, nil
}

func (p *parked) enter() bool {
	for {
		n := p.refs.Load()
		if n&closedBit != 0 {
			return false
		}
		if p.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave closes the descriptor after the last call that used it.
func (p *parked) leave() {
	if p.refs.Add(-1) == closedBit {
		p.poller.Unwatch()
		raw.CloseSlowly(int(p.fd))
	}
}

// close ends all waits, and closes once they have ended. It is called once.
func (p *parked) close() {
	p.refs.Add(closedBit + 1)
	p.poller.CallOff()
	p.leave()
}

// poke ends the waits that are going on, and lets the next one end at once.
func (p *parked) poke() {
	if p.enter() {
		p.poller.Expire()
		p.leave()
	}
}

// wait waits in one direction.
func (p *parked) wait(ctx context.Context, w *waiter, want Interest) (Interest, error) {
	events := int16(raw.PollIn)
	if want == Out {
		events = raw.PollOut
	}
	return p.until(ctx, w, want, func() bool { return raw.PollNow(int(p.fd), events) != 0 })
}

// recv receives into buf, waiting until there is something. Nothing at all (0 bytes, ok false) means: look again.
func (p *parked) recv(ctx context.Context, w *waiter, buf []byte) (n int, errno syscall.Errno, ok bool, err error) {
	ready, err := p.until(ctx, w, In, func() bool {
		n, errno = raw.Recv(int(p.fd), buf, 0)
		return errno != syscall.EAGAIN
	})
	return n, errno, ready != 0, err
}

// take is recv into a buffer of the pool's, which is taken only when there is something.
func (p *parked) take(ctx context.Context, w *waiter, pool *sync.Pool) (lent *[]byte, n int, errno syscall.Errno, err error) {
	_, err = p.until(ctx, w, In, func() bool {
		lent = lend(pool)
		if n, errno = raw.Recv(int(p.fd), *lent, 0); errno == syscall.EAGAIN {
			pool.Put(lent)
			lent = nil
		}
		return errno != syscall.EAGAIN
	})
	return lent, n, errno, err
}

// until waits in one direction until try says that it has been of use. Nothing at all is a poke.
func (p *parked) until(ctx context.Context, w *waiter, want Interest, try func() bool) (Interest, error) {
	s, direction, turn := &w.in, raw.Inward, &p.in
	if want == Out {
		s, direction, turn = &w.out, raw.Outward, &p.out
	}
	w.hook(s, ctx)
	if err := w.over(ctx); err != nil {
		return 0, err
	}
	if !p.enter() {
		return 0, net.ErrClosed
	}
	defer p.leave()
	if s.poked.Swap(false) {
		p.poller.Renew(direction)
		return 0, nil
	}
	turn.Lock()
	defer turn.Unlock()
	w.count.Syscalls.Add(1)
	// The poller tells of changes only, and forgets one that came before the wait began. So the kernel is asked first.
	for p.poller.Ready(direction) {
		if try() {
			w.count.Wakeups.Add(1)
			return want, nil
		}
		if !p.poller.Wait(direction) {
			break
		}
	}
	if p.refs.Load()&closedBit != 0 {
		return 0, net.ErrClosed
	}
	// A poke sets its mark first and the deadline after. Whoever took the mark in between finds the deadline here,
	// and must clear it, or would never wait again. What the poke was for is seen on the next look.
	p.poller.Renew(direction)
	return 0, nil
}
