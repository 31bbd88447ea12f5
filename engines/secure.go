package engines

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// secure is TLS on a connection. It is spoken by whoever calls Recv and Send, so a connection has to have a flow of its own.
type secure struct {
	*tls.Conn
	wire *wire
}

// A wire is a connection as crypto/tls sees it. Each direction has the context of the call that goes on in it.
type wire struct {
	c       *Conn
	in, out atomic.Pointer[context.Context]
}

// passing is an error that does not end a TLS connection: what was asked for can be asked for again.
type passing struct{ error }

func (passing) Timeout() bool   { return true }
func (passing) Temporary() bool { return true }
func (p passing) Unwrap() error { return p.error }

// atOnce is a context for a direction in which nothing may wait.
func atOnce() *context.Context { return nil }

func (w *wire) Read(p []byte) (int, error) {
	var n int
	var err error
	if ctx := w.in.Load(); ctx == nil {
		var errno syscall.Errno
		n, errno = w.c.recvNow(p)
		n, err = w.c.received(n, errno)
	} else {
		n, err = w.c.recvPlain(*ctx, w.c.waiting(), p)
	}
	return n, pass(err)
}

func (w *wire) Write(p []byte) (int, error) {
	ctx := w.out.Load()
	if ctx == nil {
		n, errno := w.c.sendSome(p)
		if errno != 0 {
			return n, errno
		}
		return n, nil
	}
	n, err := w.c.sendPlain(*ctx, w.c.waiting(), p)
	return n, pass(err)
}

// pass marks the end of a caller's patience, which is not the connection's.
func pass(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded) {
		return passing{err}
	}
	return err
}

func (w *wire) Close() error                     { return w.c.Close() }
func (w *wire) LocalAddr() net.Addr              { return net.TCPAddrFromAddrPort(w.c.LocalAddr()) }
func (w *wire) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(w.c.PeerAddr()) }
func (w *wire) SetDeadline(time.Time) error      { return nil } // contexts do that
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Secure speaks TLS on a connection from now on: it does the handshake, which ends with ctx. After a failure the connection is
// of no more use.
func (c *Conn) Secure(ctx context.Context, config *tls.Config, client bool) error {
	if !c.acquire() {
		return net.ErrClosed
	}
	defer c.release()
	w := &wire{c: c}
	w.in.Store(&ctx)
	w.out.Store(&ctx)
	s := &secure{wire: w}
	if client {
		s.Conn = tls.Client(w, config)
	} else {
		s.Conn = tls.Server(w, config)
	}
	if err := s.Conn.Handshake(); err != nil {
		if e := new(passing); errors.As(err, e) {
			err = e.error
		}
		return err
	}
	o := odd{}
	if was := c.odd.Load(); was != nil {
		o = *was
	}
	o.tls = s
	c.odd.Store(&o)
	return nil
}

// secured is the connection's TLS, or nil.
func (c *Conn) secured() *secure {
	if o := c.odd.Load(); o != nil {
		return o.tls
	}
	return nil
}

// recv receives; ctx nil does not wait.
func (s *secure) recv(ctx *context.Context, p []byte) (int, error) {
	s.wire.in.Store(ctx)
	if ctx != nil {
		s.wire.out.Store(ctx) // for what TLS itself may have to say
	}
	n, err := s.Conn.Read(p)
	var soon passing
	switch {
	case n > 0:
		return n, nil
	case errors.As(err, &soon):
		return 0, soon.error
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return 0, io.EOF // it was ended without close_notify, as many do
	}
	return n, err
}

func (s *secure) send(ctx context.Context, p []byte) (int, error) {
	s.wire.out.Store(&ctx)
	n, err := s.Conn.Write(p)
	var soon passing
	if errors.As(err, &soon) {
		err = soon.error
	}
	return n, err
}

// bye says that no more is sent, if there is room to say it.
func (s *secure) bye() {
	s.wire.out.Store(atOnce())
	s.Conn.CloseWrite()
}

// TLSState is what was agreed on; false for a connection without TLS.
func (c *Conn) TLSState() (tls.ConnectionState, bool) {
	s := c.secured()
	if s == nil {
		return tls.ConnectionState{}, false
	}
	return s.ConnectionState(), true
}

// handshakeLimit is how long a client may take to begin with TLS.
const handshakeLimit = 10 * time.Second

// secureFlow has a server's connection speak TLS. Event handlers are served here, too, by one who waits: what comes is not what
// a loop would read. False is that there is no more to do.
func (c *Conn) secureFlow(ctx context.Context, app *App) bool {
	limited, cancel := context.WithTimeout(ctx, handshakeLimit)
	err := c.Secure(limited, c.hub.tls, false)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			c.blame(fmt.Errorf("TLS: %w", err))
		}
		c.closeDescriptor()
		return false
	}
	if app.IsLinear() {
		return true
	}
	err = c.secureEvents(ctx, app)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	c.failed(err)
	if err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		c.blame(err)
	}
	if app.Close != nil {
		if err := guard(func() error { return app.Close(c, c.Err()) }); err != nil {
			c.blame(err)
		}
	}
	c.Close()
	return false
}

// secureEvents calls the handlers until the connection ends.
func (c *Conn) secureEvents(ctx context.Context, app *App) error {
	answer := func(reply []byte, err error) error {
		if err == nil && len(reply) > 0 {
			_, err = c.Send(ctx, reply)
		}
		return err
	}
	if app.Open != nil {
		if err := answer(c.open(app)); err != nil {
			return err
		}
	}
	for {
		buf := c.hub.buffer()
		n, err := c.Recv(ctx, *buf)
		if err == nil && app.Data != nil {
			err = answer(c.data(app, (*buf)[:n]))
		}
		c.hub.buffers.Put(buf)
		if err != nil {
			return err
		}
	}
}

// suitsTLS says why a model cannot speak TLS, or a handler.
func suitsTLS(model Model, app App, cfg *Config) error {
	flows := having(cfg.Known, func(m Model) bool { return m.Linear && !m.Apart })
	switch {
	case cfg.Proto == "udp":
		return &OptionError{"tls", "TLS needs a connection, and UDP has none"}
	case model.Apart:
		return &OptionError{"tls", fmt.Sprintf("the model '%s' serves connections in processes of their own, which are given the descriptor alone: what TLS has agreed on would stay behind%s", model.Name, flows)}
	case !model.Linear:
		return &OptionError{"tls", fmt.Sprintf("the model '%s' has one flow for all its connections, which reads bytes as they come; a handshake, and a record of which a part is there, have to wait for more of one connection%s", model.Name, flows)}
	case app.Readable != nil:
		return &OptionError{"on_readable", "with TLS what is readable is encrypted: on_data gets what it says"}
	case app.Writable != nil:
		return &OptionError{"on_writable", "with TLS a send waits until all is sent, so there is nothing to be told of"}
	}
	return nil
}
