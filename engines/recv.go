package engines

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// Read reads what is there, without waiting: at least a byte, or the errno EAGAIN when there is nothing, or io.EOF at
// the end of the stream.
func (c *Conn) Read(p []byte) (int, error) {
	if !c.acquire() {
		return 0, net.ErrClosed
	}
	defer c.release()
	if n := c.takeRest(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	if c.gram != nil {
		return c.gram.take(p)
	}
	if s := c.secured(); s != nil {
		return s.recv(nil, p)
	}
	n, err := c.received(c.recvNow(p))
	if err != nil && err != syscall.EAGAIN {
		c.settle() // under a loop that has not asked for it, the end is news
	}
	return n, err
}

// TryRecv is Read for a caller that would rather call Recv than wait for anybody: where another thread makes the calls
// it gives only what has been received already. On a fiber it says EAGAIN, too, when others are to have their turn.
func (c *Conn) TryRecv(p []byte) (int, error) {
	if d := c.driven; d == nil || d.mayTry(In) {
		return c.Read(p)
	}
	if n := c.takeRest(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, syscall.EAGAIN
}

// received turns the outcome of a recv into what Go code expects, counts it, and remembers how the stream ended.
func (c *Conn) received(n int, errno syscall.Errno) (int, error) {
	if n > 0 || errno == 0 && c.isDatagram() {
		c.count.BytesIn.Add(int64(n))
		return n, nil
	}
	switch errno {
	case 0:
		c.mu.Lock()
		c.state |= ended
		c.mu.Unlock()
		return 0, io.EOF
	case syscall.EAGAIN:
		c.mu.Lock()
		c.state |= empty
		c.mu.Unlock()
		return 0, errno
	}
	c.failed(errno)
	return 0, errno
}

// failed remembers the first thing that went wrong.
func (c *Conn) failed(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// Recv waits until there is something to read and reads it: at least a byte, or io.EOF. It waits in the way of the
// connection's model, on the calling OS thread where the model is one of threads, and ends with ctx. Under an event
// loop, where waiting would hold up everybody, it is Read.
func (c *Conn) Recv(ctx context.Context, p []byte) (int, error) {
	f, leave, err := c.enterRecv(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	return c.recv(ctx, f, p)
}

// RecvText is Recv for a caller that wants a string, and may wait long: a buffer, of the pool's (of *[]byte), is taken only
// when there is something.
func (c *Conn) RecvText(ctx context.Context, pool *sync.Pool) (string, error) {
	f, leave, err := c.enterRecv(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	if c.gram != nil || len(f.rest) > 0 || c.Eventful() || c.secured() != nil || f.by != nil {
		buf := lend(pool)
		defer pool.Put(buf)
		n, err := c.recv(ctx, f, *buf)
		return string((*buf)[:n]), err
	}
	for {
		data, errno, err := f.take(ctx, pool)
		if err != nil {
			return "", err
		}
		text := string(data)
		f.giveBack(pool)
		if errno != syscall.EAGAIN {
			_, err := c.received(len(text), errno)
			return text, err
		}
	}
}

// Await is a wait on a fiber (see Conn.Fiber) until TryRecv may have something. It may return early.
func (c *Conn) Await(ctx context.Context) error {
	if !c.acquire() {
		return net.ErrClosed
	}
	f, d := c.waiting(), c.driven
	err := f.enter(ctx, &f.recv)
	if err == nil {
		if len(f.rest) == 0 && c.secured() == nil {
			_, err = d.incoming(ctx, d.fiber(), &f.waiter)
		}
		f.recv.leave()
	}
	c.release()
	return err
}

// WaitReadable waits like Recv and reads nothing: for a caller that takes its buffer only when there is something.
func (c *Conn) WaitReadable(ctx context.Context) error {
	f, leave, err := c.enterRecv(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if len(f.rest) > 0 || c.secured() != nil { // what was decrypted already says nothing to a poller
		return nil
	}
	for {
		if ready, err := f.wait(ctx, In); err != nil || ready != 0 {
			return err
		}
	}
}

// enterRecv gets the connection's turn to receive.
func (c *Conn) enterRecv(ctx context.Context) (*flow, func(), error) {
	if !c.acquire() {
		return nil, nil, net.ErrClosed
	}
	f := c.waiting()
	if err := f.enter(ctx, &f.recv); err != nil {
		c.release()
		return nil, nil, err
	}
	return f, func() { f.recv.leave(); c.release() }, nil
}

// recv does one Recv; the caller has the turn.
func (c *Conn) recv(ctx context.Context, f *flow, p []byte) (int, error) {
	if n := c.takeRest(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	if c.gram != nil {
		return c.gram.take(p)
	}
	if s := c.secured(); s != nil {
		return s.recv(&ctx, p)
	}
	return c.recvPlain(ctx, f, p)
}

// recvPlain receives what the socket has.
func (c *Conn) recvPlain(ctx context.Context, f *flow, p []byte) (int, error) {
	for {
		if c.Eventful() {
			n, errno := c.recvNow(p)
			return c.received(n, errno)
		}
		n, errno, ok, err := f.recvOnce(ctx, p)
		if err != nil {
			return 0, err
		}
		if ok && errno != syscall.EAGAIN {
			return c.received(n, errno)
		}
	}
}

// recvOnce waits and receives; ok is false when it was poked and the caller should look again.
func (f *flow) recvOnce(ctx context.Context, p []byte) (n int, errno syscall.Errno, ok bool, err error) {
	if f.parked != nil {
		return f.parked.recv(ctx, &f.waiter, p)
	}
	if f.driven != nil {
		if self := f.driven.fiber(); self != nil {
			if ok, err = f.driven.incoming(ctx, self, &f.waiter); ok {
				n, errno = f.driven.recvNow(p)
			}
			return n, errno, ok, err
		}
		r := &request{kind: toReceive, want: In, buf: p}
		ok, err = f.driven.request(ctx, &f.waiter, r)
		return r.n, r.errno, ok, err
	}
	if f.by == nil {
		return f.sleep(ctx, p)
	}
	ready, err := f.wait(ctx, In)
	if err != nil || ready == 0 {
		return 0, 0, false, err
	}
	f.count.Syscalls.Add(1)
	n, errno = raw.Recv(f.fd, p, 0)
	return n, errno, true, nil
}
