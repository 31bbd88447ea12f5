package engines

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Listener is a bound, listening socket, or a bound one for datagrams, and the account of the connections that came from it.
type Listener struct {
	*shared
	count *Counters
	spare *spare // nil where connections need no wake-up
	lodge *lodge // nil where connections do not rest, or do so in a loop
}

// shared is what the views of one listener share: each worker has its own counters.
type shared struct {
	hub    *hub
	fd     int
	addr   netip.AddrPort
	path   string // of a unix socket
	wait   waiter
	once   sync.Once
	closed atomic.Bool
	back   backoff
	socket *Conn // of a datagram server: the listener as what is received from and sent on; nil for TCP
	cfg    Config
}

func newListener(fd, stopFd int, cfg Config) *Listener {
	log := cfg.Log
	if log == nil {
		log = func(string, ...any) {}
	}
	h := &hub{place: cfg.Place, tls: cfg.TLS, log: log, limit: cfg.Options.SendLimit, base: context.Background(), stopFd: stopFd,
		holders: 1, gone: make(chan struct{})}
	if h.limit <= 0 {
		h.limit = DefaultSendLimit
	}
	h.workers = []*Counters{new(Counters)}
	return h.listener(fd, cfg, h.workers[0])
}

// listener is a listening descriptor that the hub knows.
func (h *hub) listener(fd int, cfg Config, count *Counters) *Listener {
	ln := &Listener{shared: &shared{hub: h, fd: fd, addr: raw.LocalAddr(fd), cfg: cfg}, count: count}
	ln.wait.fd, ln.wait.stop, ln.wait.count, ln.wait.base = fd, h.stopFd, count, h.base
	if cfg.Proto == "udp" {
		ln.socket = &Conn{fd: fd, count: count}
	}
	h.listeners = append(h.listeners, ln.shared)
	return ln
}

// Fileno is the descriptor.
func (ln *Listener) Fileno() int { return ln.fd }

// Addr is the address it is bound to, with the port that the kernel chose.
func (ln *Listener) Addr() netip.AddrPort { return ln.addr }

// Name is the address as scripts write it.
func (ln *Listener) Name() string {
	if ln.path != "" {
		return "unix:" + ln.path
	}
	return ln.addr.String()
}

// Counters are those of this view's worker, for what an engine itself has to count.
func (ln *Listener) Counters() *Counters { return ln.count }

// Stats is what was counted so far, over all workers.
func (ln *Listener) Stats() Stats { return ln.hub.stats() }

// queued is how many connections wait in the kernel's queue to be accepted: TCP_INFO of a listener says it in the
// field for unacknowledged segments (tcp(7), net/ipv4/tcp.c tcp_get_info).
func (ln *shared) queued() int64 {
	if ln.closed.Load() || ln.socket != nil || ln.path != "" {
		return 0 // the kernel does not tell how many datagrams wait, nor connections of a unix socket
	}
	var info [104]byte
	n, errno := raw.GetOption(ln.fd, syscall.IPPROTO_TCP, syscall.TCP_INFO, info[:])
	if errno != 0 || n < 28 {
		return 0
	}
	return int64(hostUint32(info[24:28]))
}

// Conns lists the open connections, oldest first.
func (ln *Listener) Conns() []*Conn { return ln.hub.conns() }

// Park lets Go's poller wait for the listener from now on: see Conn.Park.
func (ln *Listener) Park() error {
	if ln.socket != nil {
		return ln.socket.Park()
	}
	p, err := park(ln.fd)
	if err == nil {
		ln.wait.parked = p
	}
	return err
}

// Accept takes one connection, without waiting. EAGAIN is an empty queue, or a pause after the kernel had no
// resources for another connection: Pause says how long. net.ErrClosed is the end.
func (ln *Listener) Accept() (*Conn, error) {
	if ln.lodge != nil {
		return ln.accept(ln.lodge)
	}
	return ln.accept(nil)
}

// A keeper makes the Conns of those that it will have in its table.
type keeper interface {
	fresh(fd int, peer netip.AddrPort) *Conn
}

// accept is Accept for a keeper, if there is one.
func (ln *Listener) accept(k keeper) (*Conn, error) {
	if ln.Pause() > 0 {
		return nil, syscall.EAGAIN
	}
	for try := 0; try < 16; try++ {
		if ln.closed.Load() {
			return nil, net.ErrClosed
		}
		if errno := ln.spare.make(); errno != 0 {
			ln.acceptFailed(errno)
			return nil, syscall.EAGAIN
		}
		ln.count.Syscalls.Add(1)
		fd, peer, errno := raw.Accept(ln.fd)
		switch {
		case errno == 0:
			ln.back.reset()
			c := ln.conn(k, fd, peer)
			if ln.path != "" {
				c.odd.Store(&odd{proto: "unix", local: ln.Name(), peer: "unix:"}) // a client's socket has no name
			}
			ln.spare.give(c)
			return c.join(), nil
		case errno == syscall.EAGAIN:
			return nil, errno
		case errno == syscall.EBADF || errno == syscall.EINVAL:
			return nil, net.ErrClosed
		}
		if ln.acceptFailed(errno) {
			return nil, syscall.EAGAIN
		}
	}
	return nil, syscall.EAGAIN
}

func (ln *Listener) conn(k keeper, fd int, peer netip.AddrPort) *Conn {
	if k != nil {
		return k.fresh(fd, peer)
	}
	return &Conn{fd: fd, peer: peer, hub: ln.hub, count: ln.count}
}

// Wait waits until a connection can be accepted, a pause is over, the server stops or ctx ends. It may return early:
// Accept says what there is.
func (ln *Listener) Wait(ctx context.Context) error {
	if pause := ln.Pause(); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := ln.wait.wait(ctx, In)
	return err
}

// WaitAccept waits for a connection and accepts it. Its error is the end: that of ctx, or net.ErrClosed.
func (ln *Listener) WaitAccept(ctx context.Context) (*Conn, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := ln.Accept()
		if err != syscall.EAGAIN {
			return c, err
		}
		if err := ln.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// Refuse closes a connection that the model cannot serve, and counts it with the reason.
func (ln *Listener) Refuse(c *Conn, reason string) {
	ln.hub.fail(reason)
	c.closeDescriptor()
}
