package sys

import (
	"context"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

type socketOptions struct{ plugins.Where }

// socketSet is compiled once per process and never changes.
var socketSet = sync.OnceValue(func() *lua.OptionSet {
	set, err := lua.NewOptionSet(socketOptions{})
	if err != nil {
		panic(err)
	}
	return set
})

// socketCall is sys.socket(family, type), with the protocol, the options or both behind.
func socketCall(call *lua.Call) int {
	family, typ, proto, at := whole(call, 1, "family"), whole(call, 2, "type"), 0, 4
	switch third := call.Arg(3); {
	case third.Kind() == "table" && call.Arg(4).IsNil():
		at = 3
	case !third.IsNil():
		proto = whole(call, 3, "proto")
	}
	var o socketOptions
	call.Options(at, socketSet(), &o)
	place := o.Place(call.Env())
	if h, ok := place.(engines.Host); ok {
		var err error
		call.Block(func(ctx context.Context) { err = h.Ready(ctx) })
		if err != nil {
			return call.Fail(fault("socket", "", err))
		}
	}
	f, err := socket(call.Env(), family, typ, proto, place)
	if err != nil {
		return call.Fail(err)
	}
	return call.Return(f)
}

// whole is an argument that is a C int.
func whole(call *lua.Call, n int, name string) int {
	v, ok := call.Arg(n).Number()
	if !ok || v != float64(int32(v)) {
		call.Wrong(n, name, "whole number expected, got "+describe(call.Arg(n)))
	}
	return int(v)
}

func describe(v lua.Value) string {
	switch v.Kind() {
	case "nil":
		return "nothing"
	case "number", "boolean":
		return v.String()
	}
	return v.TypeName()
}

// socket is socket(2), of the families and types whose headers the kernel writes.
func socket(env *lua.Env, family, typ, proto int, place engines.Place) (*Fd, error) {
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return nil, lua.Misusef("family", "sys.AF_INET or sys.AF_INET6 expected, got %d", family)
	}
	bare := typ &^ (unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC)
	switch bare {
	case unix.SOCK_STREAM, unix.SOCK_DGRAM:
	case unix.SOCK_RAW, unix.SOCK_PACKET:
		return nil, lua.Misusef("type", "a raw socket takes packets with headers of the script's own; nsh forges none")
	default:
		return nil, lua.Misusef("type", "sys.SOCK_STREAM or sys.SOCK_DGRAM expected, got %d", typ)
	}
	num, err := place.Socket(family, bare, proto)
	if err != nil {
		return nil, fault("socket", "", err)
	}
	f := newFd(env, num, socketKind)
	f.family, f.stream, f.place = family, bare == unix.SOCK_STREAM, place
	plugins.Keep(place, f.held)
	f.nonblock.Store(typ&unix.SOCK_NONBLOCK != 0)
	return f, nil
}

func (f *Fd) bind(ctx context.Context, addr string) error {
	if err := f.socket("bind"); err != nil {
		return err
	}
	defer f.done()
	sa, err := f.address(ctx, "addr", addr)
	if err == nil {
		err = unix.Bind(f.num, sa)
	}
	return fault("bind", addr, err)
}

func (f *Fd) listen(n int32) error {
	if err := f.socket("listen"); err != nil {
		return err
	}
	defer f.done()
	// One that is not bound the kernel binds to all addresses, which the place may not allow.
	err := f.place.Allow(raw.LocalAddr(f.num).Addr())
	if err == nil {
		err = unix.Listen(f.num, int(n))
	}
	return f.fault("listen", "", err)
}

// confine binds a socket that the kernel would bind to all addresses, where the place does not allow those, to loopback.
func (f *Fd) confine() {
	if local := raw.LocalAddr(f.num); local.Port() != 0 || f.place.Allow(local.Addr()) == nil {
		return
	}
	var loopback unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if f.family == unix.AF_INET6 {
		loopback = &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	unix.Bind(f.num, loopback)
}

// accept is accept(2). What comes does not inherit setnonblock, as on Linux it does not inherit O_NONBLOCK.
func (f *Fd) accept(ctx context.Context) (*Fd, string, error) {
	if err := f.socket("accept"); err != nil {
		return nil, "", err
	}
	defer f.done()
	var num int
	err := f.retry(ctx, raw.PollIn, 0, func() (errno syscall.Errno) {
		num, _, errno = raw.Accept(f.num)
		return errno
	})
	if err != nil {
		return nil, "", f.fault("accept", "", err)
	}
	c := newFd(lua.EnvOf(ctx), num, socketKind)
	c.family, c.stream, c.place = f.family, f.stream, f.place
	return c, raw.PeerAddr(num).String(), nil
}

// connect is connect(2). Cancelled in the middle it goes on behind, as after EINTR; a later call says EALREADY or
// EISCONN.
func (f *Fd) connect(ctx context.Context, addr string) error {
	if err := f.socket("connect"); err != nil {
		return err
	}
	defer f.done()
	sa, err := f.address(ctx, "addr", addr)
	if err == nil {
		err = unix.Connect(f.num, sa)
	}
	if err == unix.EINPROGRESS && !f.nonblock.Load() {
		err = f.connected(ctx)
	}
	return fault("connect", addr, err)
}

// connected waits for the end of a connect that is in progress: the socket becomes writable, and SO_ERROR says how it
// went (connect(2), EINPROGRESS).
func (f *Fd) connected(ctx context.Context) error {
	w := waiter{ctx: ctx, on: []*descriptor{&f.descriptor}, until: f.patience(raw.PollOut)}
	ready, err := w.poll([]raw.PollFd{{Fd: int32(f.num), Events: raw.PollOut}})
	switch {
	case err != nil:
		return err
	case !ready:
		return unix.EINPROGRESS // SO_SNDTIMEO, socket(7)
	}
	no, errno := raw.GetInt(f.num, unix.SOL_SOCKET, unix.SO_ERROR)
	if errno != 0 {
		return errno
	}
	if no != 0 {
		return syscall.Errno(no)
	}
	return nil
}

func (f *Fd) getsockname() (string, error) { return f.name("getsockname", unix.Getsockname) }

func (f *Fd) getpeername() (string, error) { return f.name("getpeername", unix.Getpeername) }

func (f *Fd) name(op string, ask func(int) (unix.Sockaddr, error)) (string, error) {
	if err := f.socket(op); err != nil {
		return "", err
	}
	defer f.done()
	sa, err := ask(f.num)
	return addrText(sa), f.fault(op, "", err)
}

func (f *Fd) shutdown(how int32) error {
	if err := f.socket("shutdown"); err != nil {
		return err
	}
	defer f.done()
	return f.fault("shutdown", "", raw.Shutdown(f.num, int(how)))
}
