package sys

import (
	"context"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// mostBytes is what one call receives at once; a stream gives less than it was asked for whenever it likes.
const mostBytes = 1 << 20

// The flags that calls take.
const (
	recvFlags = unix.MSG_PEEK | unix.MSG_WAITALL | unix.MSG_DONTWAIT | unix.MSG_OOB | unix.MSG_TRUNC | unix.MSG_ERRQUEUE
	sendFlags = unix.MSG_DONTWAIT | unix.MSG_OOB | unix.MSG_MORE | unix.MSG_NOSIGNAL | unix.MSG_DONTROUTE | unix.MSG_EOR
)

// retry makes a call until it does not say EAGAIN; in between it waits for the descriptor, unless the script, or a flag,
// wants it not to.
func (f *Fd) retry(ctx context.Context, events int16, flags int, call func() syscall.Errno) error {
	var w *waiter
	for {
		errno := call()
		switch {
		case errno == 0:
			return nil
		case errno != syscall.EAGAIN || flags&unix.MSG_DONTWAIT != 0 || f.nonblock.Load():
			return errno
		}
		if w == nil {
			w = &waiter{ctx: ctx, on: []*descriptor{&f.descriptor}, until: f.patience(events)}
		}
		ready, err := w.poll([]raw.PollFd{{Fd: int32(f.num), Events: events}})
		switch {
		case err != nil:
			return err
		case !ready:
			return syscall.EAGAIN // SO_RCVTIMEO, SO_SNDTIMEO: socket(7)
		}
	}
}

// patience is how long a call may wait by SO_RCVTIMEO or SO_SNDTIMEO, which the kernel applies to blocking descriptors
// only.
func (f *Fd) patience(events int16) time.Time {
	option := unix.SO_RCVTIMEO
	if events == raw.PollOut {
		option = unix.SO_SNDTIMEO
	}
	tv, err := unix.GetsockoptTimeval(f.num, unix.SOL_SOCKET, option)
	if err != nil || tv.Sec == 0 && tv.Usec == 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(tv.Nano()))
}

func buffer(n int) ([]byte, error) {
	if n < 0 {
		return nil, lua.Misusef("n", "bytes cannot be negative, got %d", n)
	}
	return make([]byte, min(n, mostBytes)), nil
}

func checkFlags(flags, known int) error {
	if flags&^known != 0 {
		return lua.Misusef("flags", "%#x has bits that are none of the MSG_ flags that this call takes", flags)
	}
	return nil
}

// recv is recv(2): at most n bytes, "" at the end of the stream. With MSG_WAITALL it goes on until it has all of them.
func (f *Fd) recv(ctx context.Context, n int, flags int32) (string, error) {
	data, _, _, err := f.receive(ctx, "recv", n, int(flags))
	if len(data) == 0 || flags&unix.MSG_WAITALL == 0 || flags&unix.MSG_PEEK != 0 || !f.stream {
		return data, err
	}
	for len(data) < n {
		more, _, _, err := f.receive(ctx, "recv", n-len(data), int(flags))
		if err != nil || more == "" {
			break // what has come is given; the error comes again
		}
		data += more
	}
	return data, nil
}

// receive is recvmsg(2).
func (f *Fd) receive(ctx context.Context, op string, n, flags int) (data string, from unix.Sockaddr, control []byte, err error) {
	buf, err := buffer(n)
	if err == nil {
		err = checkFlags(flags, recvFlags)
	}
	if err == nil {
		err = f.socket(op)
	}
	if err != nil {
		return "", nil, nil, err
	}
	defer f.done()
	var oob [256]byte
	var got, controls int
	events := int16(raw.PollIn)
	if flags&unix.MSG_OOB != 0 {
		events = unix.POLLPRI
	}
	err = f.retry(ctx, events, flags, func() syscall.Errno {
		var e error
		got, controls, _, from, e = unix.Recvmsg(f.num, buf, oob[:], flags|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		return errnoOf(e)
	})
	if err != nil {
		return "", nil, nil, f.fault(op, "", err)
	}
	return string(buf[:min(got, len(buf))]), from, oob[:controls], nil
}

func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}

// recvfrom is recvfrom(2): the bytes, who sent them, and what came beside them.
func (f *Fd) recvfrom(ctx context.Context, n int, flags int32) (string, any, beside, error) {
	data, from, control, err := f.receive(ctx, "recvfrom", n, int(flags))
	if err != nil {
		return "", nil, beside{}, err
	}
	if from == nil { // a stream's bytes come from its peer
		return data, nil, readBeside(control), nil
	}
	return data, addrText(from), readBeside(control), nil
}

// send is send(2). On a blocking stream it returns when the kernel has taken everything; else, and after an error in the
// middle, the number says how far it came.
func (f *Fd) send(ctx context.Context, data []byte, flags int32) (int, error) {
	return f.transmit(ctx, "send", "", data, nil, int(flags))
}

// sendto is sendto(2).
func (f *Fd) sendto(ctx context.Context, data []byte, addr string, flags int32) (int, error) {
	if err := f.acquire(); err != nil {
		return 0, err
	}
	defer f.done()
	if f.kind != socketKind {
		return 0, fault("sendto", addr, syscall.ENOTSOCK)
	}
	to, err := f.address(ctx, "addr", addr)
	if err != nil {
		return 0, fault("sendto", addr, err)
	}
	f.confine()
	return f.transmit(ctx, "sendto", addr, data, to, int(flags))
}

func (f *Fd) transmit(ctx context.Context, op, addr string, data []byte, to unix.Sockaddr, flags int) (int, error) {
	if err := checkFlags(flags, sendFlags); err != nil {
		return 0, err
	}
	if err := f.socket(op); err != nil {
		return 0, err
	}
	defer f.done()
	sent, err := f.all(ctx, data, flags, func(rest []byte) (int, syscall.Errno) {
		n, err := unix.SendmsgN(f.num, rest, nil, to, flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return n, errnoOf(err)
	})
	return sent, f.fault(op, addr, err)
}

// all gives the kernel data until it has taken everything, where the script wants to wait for that.
func (f *Fd) all(ctx context.Context, data []byte, flags int, give func([]byte) (int, syscall.Errno)) (sent int, err error) {
	for {
		err := f.retry(ctx, raw.PollOut, flags, func() syscall.Errno {
			n, errno := give(data[sent:])
			if errno == 0 {
				sent += n
			}
			return errno
		})
		switch {
		case err != nil && sent == 0:
			return 0, err
		case err != nil, sent == len(data), f.kind == socketKind && !f.stream,
			flags&unix.MSG_DONTWAIT != 0, f.nonblock.Load():
			return sent, nil
		}
	}
}

// read is read(2), of a socket, a pipe or the standard input.
func (f *Fd) read(ctx context.Context, n int) (string, error) {
	buf, err := buffer(n)
	if err != nil {
		return "", err
	}
	if err := f.acquire(); err != nil {
		return "", err
	}
	defer f.done()
	var got int
	err = f.retry(ctx, raw.PollIn, 0, func() (errno syscall.Errno) {
		if f.kind != stdinKind {
			got, errno = raw.Read(f.num, buf)
			return errno
		}
		if raw.PollNow(f.num, raw.PollIn) == 0 { // it is not O_NONBLOCK
			return syscall.EAGAIN
		}
		var e error
		got, e = syscall.Read(f.num, buf)
		return errnoOf(e)
	})
	return string(buf[:max(got, 0)]), f.fault("read", "", err)
}

// write is write(2).
func (f *Fd) write(ctx context.Context, data []byte) (int, error) {
	if err := f.acquire(); err != nil {
		return 0, err
	}
	defer f.done()
	if f.kind == stdinKind {
		return 0, f.fault("write", "", syscall.EBADF) // what write(2) says of a descriptor not open for writing
	}
	n, err := f.all(ctx, data, 0, func(rest []byte) (int, syscall.Errno) {
		if f.kind == socketKind {
			return raw.Send(f.num, rest)
		}
		return raw.Write(f.num, rest)
	})
	return n, f.fault("write", "", err)
}
