package sys

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// kind is what a descriptor is of.
type kind uint8

const (
	socketKind kind = iota
	pipeKind
	stdinKind // nsh's own standard input: shared with who started nsh, so its flags are not touched
)

// An Fd is a descriptor as scripts hold it: a socket, an end of a pipe, the standard input. It is O_NONBLOCK inside
// (the standard input is not); whether its calls wait is the script's affair, and is the same for all its dups, as the
// flag is in the kernel.
type Fd struct {
	descriptor
	kind     kind
	family   int // of a socket: AF_INET, AF_INET6
	stream   bool
	nonblock *atomic.Bool
	place    engines.Place
}

// newFd makes the script's side of a descriptor, which belongs to the owner from now on.
func newFd(by owner, num int, k kind) *Fd {
	f := &Fd{descriptor: descriptor{num: num}, kind: k, nonblock: new(atomic.Bool)}
	f.own(by, fmt.Sprintf("descriptor %d", num))
	return f
}

// dup is dup(2): another number for the same open file, which stays open until both are closed.
func (f *Fd) dup(env *lua.Env) (*Fd, error) {
	if err := f.acquire(); err != nil {
		return nil, err
	}
	defer f.done()
	num, err := unix.FcntlInt(uintptr(f.num), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, f.fault("dup", "", err)
	}
	d := newFd(env, num, f.kind)
	d.family, d.stream, d.nonblock, d.place = f.family, f.stream, f.nonblock, f.place
	return d, nil
}

func (f *Fd) close(ctx context.Context) error {
	if f.kind == stdinKind && f.held == nil { // nsh's own number 0 stays: only the script's object goes
		if !f.leave() {
			return f.fault("close", "", syscall.EBADF)
		}
		return nil
	}
	return f.descriptor.close(ctx)
}

func (f *Fd) setNonblock(on bool) error {
	if err := f.acquire(); err != nil {
		return err
	}
	defer f.done()
	f.nonblock.Store(on)
	return nil
}

func (f *Fd) fileno() (int, error) {
	if n := f.Fileno(); n >= 0 {
		return n, nil
	}
	return 0, lua.Misusef("", "the descriptor is closed")
}

// socket allows a call to use the number as a socket's.
func (f *Fd) socket(op string) error {
	if err := f.acquire(); err != nil {
		return err
	}
	if f.kind == stdinKind { // it may be one, but of whoever started nsh
		f.done()
		return f.fault(op, "", syscall.ENOTSOCK)
	}
	return nil
}

// String is the number and what is behind it.
func (f *Fd) String() string {
	if f.acquire() != nil {
		return fmt.Sprintf("Fd %d (closed)", f.num)
	}
	defer f.done()
	switch {
	case f.kind == stdinKind:
		return fmt.Sprintf("Fd %d (standard input)", f.num)
	case f.kind == pipeKind:
		return fmt.Sprintf("Fd %d (pipe)", f.num)
	}
	name := "udp"
	if f.stream {
		name = "tcp"
	}
	local, _ := unix.Getsockname(f.num)
	peer, err := unix.Getpeername(f.num)
	if err != nil {
		return fmt.Sprintf("Fd %d (%s %s)", f.num, name, addrText(local))
	}
	return fmt.Sprintf("Fd %d (%s %s → %s)", f.num, name, addrText(local), addrText(peer))
}

// arrive makes the script's side of a descriptor that has come from the parent what it was there.
func (f *Fd) arrive(l label, w *lua.World) {
	if f.nonblock == nil {
		f.nonblock = new(atomic.Bool)
	}
	f.kind, f.family, f.stream = l.Kind, l.Family, l.Stream
	f.nonblock.Store(l.Nonblock)
	f.place, _ = w.Config().Place.(engines.Place)
}
