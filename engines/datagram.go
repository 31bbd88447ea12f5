package engines

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A datagram is what makes a Conn out of one datagram that a server has received: there is no connection, and the Conn
// stands for who sent it. Recv gives the datagram, once, and then io.EOF; each Send is one datagram back. That goes on
// as long as the server, whose one socket they all use.
type datagram struct {
	socket *Conn  // the server's
	data   []byte // what has not been received from it yet
	taken  bool   // nothing is left; an empty datagram is something
	waits  bool   // Send may wait
}

// MaxDatagram is the most that UDP carries over IPv4, in bytes (RFC 768: a 16-bit length, of which 8 are the header's;
// IP's own takes 20 more).
const MaxDatagram = 65507

// newDatagram makes the Conn of a datagram.
func (ln *Listener) newDatagram(data []byte, peer netip.AddrPort, waits bool) *Conn {
	return &Conn{fd: ln.fd, peer: peer, hub: ln.hub, count: ln.count, local: &ln.addr,
		gram: &datagram{socket: ln.socket, data: data, waits: waits}}
}

// take receives what is left of the datagram.
func (d *datagram) take(p []byte) (int, error) {
	if d.taken {
		return 0, io.EOF
	}
	n := copy(p, d.data)
	d.data = d.data[n:]
	d.taken = len(d.data) == 0
	return n, nil
}

// answer sends one datagram to the peer; the caller has acquired the connection.
func (c *Conn) answer(ctx context.Context, data []byte) (int, error) {
	for {
		c.count.Syscalls.Add(1)
		errno := raw.SendTo(c.fd, data, c.peer, family(*c.local) == syscall.AF_INET6)
		switch {
		case errno == 0:
			c.count.BytesOut.Add(int64(len(data)))
			return len(data), nil
		case errno != syscall.EAGAIN || !c.gram.waits:
			return 0, errno
		}
		// The socket's buffer is full of what the network has not taken yet, which it soon will.
		raw.Poll([]raw.PollFd{{Fd: int32(c.fd), Events: raw.PollOut}}, 20*time.Millisecond)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// Datagrams says whether the listener is a socket of datagrams: nothing is accepted then.
func (ln *Listener) Datagrams() bool { return ln.socket != nil }

// datagramBatch is how many datagrams are handled before a loop looks at something else.
const datagramBatch = 64

// handleDatagrams handles what has come, in a loop that does not wait.
func (ln *Listener) handleDatagrams(app *App, buf []byte) {
	for range datagramBatch {
		n, peer, errno := ln.receive(buf)
		if errno != 0 {
			return
		}
		ln.handle(context.Background(), ln.newDatagram(buf[:n], peer, false), app)
	}
}

// receive receives one datagram without waiting.
func (ln *Listener) receive(buf []byte) (int, netip.AddrPort, syscall.Errno) {
	if !ln.socket.acquire() {
		return 0, netip.AddrPort{}, syscall.EBADF
	}
	defer ln.socket.release()
	ln.count.Syscalls.Add(1)
	n, peer, errno := raw.RecvFrom(ln.fd, buf)
	if errno == 0 {
		ln.count.BytesIn.Add(int64(n))
		ln.count.Accepted.Add(1)
	}
	return n, peer, errno
}

// handle runs the handler on one datagram.
func (ln *Listener) handle(ctx context.Context, c *Conn, app *App) {
	defer ln.count.Closed.Add(1)
	var err error
	if app.IsLinear() {
		err = guard(func() error { return app.Linear(ctx, c) })
	} else {
		c.gram.taken = true // it is handed over
		var reply []byte
		if reply, err = c.data(app, c.gram.data); err == nil && reply != nil {
			_, err = c.Send(ctx, reply)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		c.blame(err)
	}
}

// ServeDatagrams waits for datagrams on a flow of control of its own. Run gets what is to be done about each and does
// it, at once or beside the next ones, until ctx ends.
func ServeDatagrams(ctx context.Context, ln *Listener, app App, run func(handle func())) error {
	buf := make([]byte, bufferSize)
	for {
		n, peer, errno := ln.receive(buf)
		switch {
		case ctx.Err() != nil || errno == syscall.EBADF:
			return nil
		case errno == syscall.EAGAIN:
			if err := ln.socket.WaitReadable(ctx); err != nil && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
				return err
			}
			continue
		case errno != 0:
			return &Error{"recvfrom", "", errno}
		}
		data := append(make([]byte, 0, n), buf[:n]...) // not nil: an empty datagram is something
		c := ln.newDatagram(data, peer, true)
		run(func() { ln.handle(ctx, c, &app) })
	}
}
