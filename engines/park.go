package engines

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// parked is a descriptor that Go's own poller knows: waiting for it costs a goroutine and no thread.
type parked struct {
	file *os.File
	conn syscall.RawConn
	fd   int

	// What the two functions below work on; they are made once, because a function made for each call is garbage.
	readable, writable func(uintptr) bool
	receive, taking    func(uintptr) bool
	pool               *sync.Pool
	lent               *[]byte
	buf                []byte
	n                  int
	errno              syscall.Errno
}

// park hands a descriptor to Go's poller, which owns it from now on: it is closed with the file.
func park(fd int) (*parked, error) {
	p := &parked{file: os.NewFile(uintptr(fd), "tcp"), fd: fd}
	conn, err := p.file.SyscallConn()
	if err == nil {
		err = p.file.SetDeadline(time.Time{}) // refused where the poller does not know the descriptor
	}
	if err != nil {
		return nil, err
	}
	p.conn = conn
	// The poller tells of changes only, and forgets one that came before the wait began. So the kernel is asked first.
	p.readable = func(uintptr) bool { return raw.PollNow(p.fd, raw.PollIn) != 0 }
	p.writable = func(uintptr) bool { return raw.PollNow(p.fd, raw.PollOut) != 0 }
	p.receive = func(uintptr) bool {
		p.n, p.errno = raw.Recv(p.fd, p.buf, 0)
		return p.errno != syscall.EAGAIN
	}
	p.taking = func(uintptr) bool {
		p.lent = lend(p.pool)
		p.n, p.errno = raw.Recv(p.fd, *p.lent, 0)
		if p.errno == syscall.EAGAIN {
			p.pool.Put(p.lent)
		}
		return p.errno != syscall.EAGAIN
	}
	return p, nil
}

// poke ends the waits that are going on, and lets the next one end at once.
func (p *parked) poke() { p.file.SetDeadline(time.Unix(1, 0)) }

// wait waits in one direction.
func (p *parked) wait(ctx context.Context, w *waiter, want Interest) (Interest, error) {
	s, f, deadline, run := &w.in, p.readable, p.file.SetReadDeadline, p.conn.Read
	if want == Out {
		s, f, deadline, run = &w.out, p.writable, p.file.SetWriteDeadline, p.conn.Write
	}
	return p.until(ctx, w, s, want, f, deadline, run)
}

// recv receives into buf, waiting until there is something. Nothing at all (0 bytes, ok false) means: look again.
func (p *parked) recv(ctx context.Context, w *waiter, buf []byte) (n int, errno syscall.Errno, ok bool, err error) {
	p.buf = buf
	ready, err := p.until(ctx, w, &w.in, In, p.receive, p.file.SetReadDeadline, p.conn.Read)
	p.buf = nil
	return p.n, p.errno, ready != 0, err
}

func (p *parked) until(ctx context.Context, w *waiter, s *side, want Interest, f func(uintptr) bool,
	deadline func(time.Time) error, run func(func(uintptr) bool) error) (Interest, error) {
	w.hook(s, ctx)
	if w.closed.Load() {
		return 0, net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if w.base != nil && w.base.Err() != nil {
		return 0, net.ErrClosed
	}
	if s.poked.Swap(false) {
		deadline(time.Time{})
		return 0, nil
	}
	w.count.Syscalls.Add(1)
	err := run(f)
	if err == nil {
		w.count.Wakeups.Add(1)
		return want, nil
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, net.ErrClosed
	}
	// A poke sets its mark first and the deadline after. Whoever took the mark in between finds the deadline here,
	// and must clear it, or would never wait again. What the poke was for is seen on the next look.
	deadline(time.Time{})
	return 0, nil
}
