package sys

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// A descriptor is one that the script has: what Fd and Epoll have in common. It is closed when nobody uses it any more,
// so that a call never works on a number that has become another file's.
type descriptor struct {
	num  int
	held *lua.Held

	mu     sync.Mutex
	unused sync.Cond
	users  int // calls that use the number now
	closed bool
	wakes  []*wake // of calls that wait for it
}

// An owner closes what it owns when it ends: a scope, or the surroundings of a call, which stand for theirs.
type owner interface {
	Own(name string, close func()) *lua.Held
}

func (d *descriptor) own(by owner, name string) {
	d.held = by.Own(name, d.release)
}

// acquire allows a call to use the number. A closed one is the script's mistake.
func (d *descriptor) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return lua.Misusef("", "the descriptor is closed")
	}
	d.users++
	return nil
}

func (d *descriptor) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users--; d.users == 0 && d.closed {
		d.unused.Broadcast()
	}
}

// Closed says whether the script has closed it.
func (d *descriptor) Closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Fileno is the number; -1 once it is closed.
func (d *descriptor) Fileno() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return -1
	}
	return d.num
}

// watch has w told when the descriptor is closed.
func (d *descriptor) watch(w *wake) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wakes = append(d.wakes, w)
	if d.closed {
		w.notify()
	}
}

func (d *descriptor) unwatch(w *wake) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, x := range d.wakes {
		if x == w {
			d.wakes[i] = d.wakes[len(d.wakes)-1]
			d.wakes = d.wakes[:len(d.wakes)-1]
			return
		}
	}
}

// leave marks the descriptor as closed and waits for the calls that use it, each of which returns EBADF at once. It says
// whether this call was the first.
func (d *descriptor) leave() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed, d.unused.L = true, &d.mu
	for _, w := range d.wakes {
		w.notify()
	}
	for d.users > 0 {
		d.unused.Wait()
	}
	return true
}

// close is close(2). A second one is EBADF, as in C, where it may hit somebody else's file instead.
func (d *descriptor) close(ctx context.Context) error {
	if !d.leave() {
		return d.fault("close", "", syscall.EBADF)
	}
	d.held.Release()
	if !d.lingers() {
		return d.fault("close", "", raw.Close(d.num))
	}
	// With SO_LINGER and a time close waits until the peer has everything. A call that is cancelled meanwhile leaves it
	// to that.
	closed := make(chan error, 1)
	lua.Go("sys", func(err error) { closed <- err }, func() { closed <- d.fault("close", "", raw.CloseSlowly(d.num)) })
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release is the close at the end of the scope. It waits for nobody: the kernel sends what is left, as it does when a
// process ends.
func (d *descriptor) release() {
	if !d.leave() {
		return
	}
	if d.lingers() {
		raw.SetLinger(d.num, false, 0)
	}
	raw.Close(d.num)
}

func (d *descriptor) lingers() bool {
	l, err := unix.GetsockoptLinger(d.num, unix.SOL_SOCKET, unix.SO_LINGER)
	return err == nil && l.Onoff != 0 && l.Linger > 0
}

// fault is what the world said to a call on the descriptor; with no address it is against its number.
func (d *descriptor) fault(op, addr string, err error) error {
	if addr == "" {
		addr = fmt.Sprintf("fd %d", d.num)
	}
	return fault(op, addr, err)
}
