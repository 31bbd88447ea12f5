package lua

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// more adds at least a byte to what there is, and usually no more than n, or says why not.
func (r *fileReader) more(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.size+len(r.have) >= maxString {
		return errTooLong
	}
	if len(r.have) >= chunkSize {
		r.full, r.size, r.have = append(r.full, r.have), r.size+len(r.have), nil
	}
	switch {
	case r.polls:
		if err := r.ready(ctx); err != nil {
			return err
		}
	case !r.plain:
		defer interruptible(ctx, r.f.SetReadDeadline)()
	}
	if n = min(n, readUnit); r.ahead {
		n = readUnit
	}
	size := len(r.have)
	if cap(r.have)-size < n {
		r.have = append(make([]byte, 0, 2*size+n), r.have...)
	}
	n, err := r.f.Read(r.have[size : size+n])
	r.have = r.have[:size+n]
	switch {
	case n > 0:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, unix.EIO): // a terminal that went away
		return io.EOF
	}
	return err
}

// ready waits until a read of a descriptor that Go's poller does not know, such as a terminal, would not block.
func (r *fileReader) ready(ctx context.Context) error {
	conn, err := r.f.SyscallConn()
	if err != nil {
		return err
	}
	poll := func(timeout int, fds ...unix.PollFd) (yes bool, err error) {
		cerr := conn.Control(func(fd uintptr) {
			fds[0].Fd = int32(fd)
			_, err = unix.Poll(fds, timeout)
		})
		if err == unix.EINTR {
			err = nil
		}
		return fds[0].Revents != 0, errors.Join(cerr, err)
	}
	input := unix.PollFd{Events: unix.POLLIN}
	if yes, err := poll(0, input); yes || err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); close(woken) })
	defer func() {
		if !stop() {
			<-woken
		}
		unix.Close(wake)
	}()
	for ctx.Err() == nil {
		if yes, err := poll(-1, input, unix.PollFd{Fd: int32(wake), Events: unix.POLLIN}); yes || err != nil {
			return err
		}
	}
	return ctx.Err()
}
