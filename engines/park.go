package engines

import (
	"context"
	"net"
	"runtime"
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

func (p *parked) leave() { p.refs.Add(-1) }

// close ends all waits, and then closes. It is called once.
func (p *parked) close() {
	p.refs.Add(closedBit)
	p.poller.CallOff()
	for _, turn := range []*sync.Mutex{&p.in, &p.out} {
		turn.Lock() // whoever waited has left
		//lint:ignore SA2001 the next one in line is to find that it is over
		turn.Unlock()
	}
	for p.refs.Load() != closedBit {
		runtime.Gosched() // somebody pokes
	}
	p.poller.Unwatch()
	raw.CloseSlowly(int(p.fd))
}

// abandoned closes what the collector has found: a client's connection that was never closed, and that nobody has any more.
func (p *parked) abandoned() {
	if p.refs.Load()&closedBit == 0 {
		p.close()
	}
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

// recvLent is recv into a buffer of the pool's, which is taken only when there is something.
func (p *parked) recvLent(ctx context.Context, w *waiter, pool *sync.Pool) (lent *[]byte, n int, errno syscall.Errno, err error) {
	_, err = p.until(ctx, w, In, func() bool {
		lent, n, errno = p.recvNow(pool)
		return lent != nil
	})
	return lent, n, errno, err
}

// recvNow receives what is there, if anything is.
func (p *parked) recvNow(pool *sync.Pool) (lent *[]byte, n int, errno syscall.Errno) {
	lent = lend(pool)
	if n, errno = raw.Recv(int(p.fd), *lent, 0); errno == syscall.EAGAIN {
		pool.Put(lent)
		lent = nil
	}
	return lent, n, errno
}

// rest is recvLent for a connection that nobody has: only the end of the server and a list of its connections are looked for,
// by the caller, when nothing has come.
func (p *parked) rest(count *Counters, pool *sync.Pool) (lent *[]byte, n int, errno syscall.Errno) {
	p.in.Lock()
	defer p.in.Unlock()
	if !p.enter() {
		return nil, 0, 0
	}
	defer p.leave()
	count.Syscalls.Add(1)
	for p.poller.Ready(raw.Inward) {
		if lent, n, errno = p.recvNow(pool); lent != nil {
			count.Wakeups.Add(1)
			break
		}
		if !p.poller.Wait(raw.Inward) {
			break
		}
	}
	return lent, n, errno
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
	turn.Lock()
	defer turn.Unlock()
	if !p.enter() {
		return 0, net.ErrClosed
	}
	defer p.leave()
	if s.poked.Swap(false) {
		p.poller.Renew(direction)
		return 0, nil
	}
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
