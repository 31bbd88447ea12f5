package engines

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// DialOptions say where to connect, and how.
type DialOptions struct {
	Proto   string        // "tcp" or "udp"; "" is "tcp"
	Addr    string        // "host:port", or "unix:/path"
	From    string        // the own address, "host" or "host:port"; "" is the kernel's choice
	Timeout time.Duration // for the whole of it; 0 is none
	NoDelay bool          // TCP_NODELAY
	TTL     int           // IP_TTL, or IPv6's hop limit; 0 is the kernel's
	Buffer  int           // SO_RCVBUF; 0 is the kernel's
	TLS     *tls.Config   // nil is none
	Place   Place         // nil is Here{}
}

// Dial opens a connection, trying the addresses of a name one after the other. Waiting costs a goroutine and no thread,
// and ends with ctx. An address that cannot be read is a plain error, what the world said is an *Error.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	if o.Place == nil {
		o.Place = Here{}
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	c, err := dial(ctx, o)
	if err != nil || o.TLS == nil {
		return c, err
	}
	if err := c.Secure(ctx, o.TLS, true); err != nil {
		c.closeDescriptor()
		return nil, &Error{"connect", o.Addr, err}
	}
	return c, nil
}

func dial(ctx context.Context, o DialOptions) (*Conn, error) {
	if path, ok := UnixPath(o.Addr); ok {
		return dialUnix(ctx, o, path)
	}
	addr, err := ParseAddr(o.Addr)
	if err != nil {
		return nil, err
	}
	from, err := ParseFrom(o.From)
	if err != nil {
		return nil, err
	}
	addrs, err := Resolve(ctx, o.Place, addr)
	if err != nil {
		return nil, err
	}
	var c *Conn
	for _, to := range addrs {
		if c, err = dialOne(ctx, o, from, to); err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &Error{"connect", addr.String(), err}
}

// dialOne connects to one address.
func dialOne(ctx context.Context, o DialOptions, from, to netip.AddrPort) (*Conn, error) {
	if from.IsValid() {
		if err := o.Place.Allow(from.Addr()); err != nil {
			return nil, err
		}
	}
	kind, proto := syscall.SOCK_STREAM, syscall.IPPROTO_TCP
	if o.Proto == "udp" {
		kind, proto = syscall.SOCK_DGRAM, syscall.IPPROTO_UDP
	}
	fd, err := o.Place.Socket(family(to), kind, proto)
	if err != nil {
		return nil, err
	}
	if err := prepare(fd, o, from, to); err != nil {
		raw.Close(fd)
		return nil, err
	}
	c := &Conn{fd: fd, peer: to, count: new(Counters)}
	if o.Proto == "udp" {
		c.odd.Store(&odd{proto: "udp"})
	}
	if err := c.connect(ctx, to); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dialUnix connects to a unix socket. The kernel does that at once, or has no room in the listener's queue: there is nothing to
// wait for, so it is tried again.
func dialUnix(ctx context.Context, o DialOptions, path string) (*Conn, error) {
	if err := CheckUnixPath(path); err != nil {
		return nil, err
	}
	if err := errors.Join(Ready(ctx, o.Place), AllowUnix(o.Place, path)); err != nil {
		return nil, err
	}
	fd, err := o.Place.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, &Error{"connect", o.Addr, err}
	}
	to := raw.NewUnixSockaddr(path)
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for {
		errno := raw.Connect(fd, to)
		if errno == 0 {
			break
		}
		if errno != syscall.EAGAIN {
			raw.Close(fd)
			return nil, &Error{"connect", o.Addr, errno}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			raw.Close(fd)
			return nil, &Error{"connect", o.Addr, ctx.Err()}
		}
	}
	c := &Conn{fd: fd, count: new(Counters)}
	c.odd.Store(&odd{proto: "unix", local: "unix:", peer: o.Addr})
	if err := c.Park(); err != nil {
		c.Close()
		return nil, &Error{"connect", o.Addr, err}
	}
	return c, nil
}

// prepare sets what has to be set before the handshake.
func prepare(fd int, o DialOptions, from, to netip.AddrPort) error {
	if o.NoDelay {
		if errno := raw.SetInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); errno != 0 {
			return errno
		}
	}
	if o.Buffer != 0 { // a window is agreed on in the handshake
		if errno := raw.SetInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, o.Buffer); errno != 0 {
			return errno
		}
	}
	if o.TTL != 0 {
		level, option := syscall.IPPROTO_IP, syscall.IP_TTL
		if family(to) == syscall.AF_INET6 {
			level, option = syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS
		}
		if errno := raw.SetInt(fd, level, option, o.TTL); errno != 0 {
			return errno
		}
	}
	if !from.IsValid() {
		return nil
	}
	if from.Port() == 0 {
		// The port is chosen when the peer is known, so that one port serves connections to different peers.
		raw.SetInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	}
	sa, err := sockaddr(fd, from)
	if err != nil {
		return err
	}
	return syscall.Bind(fd, sa)
}

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT (ip(7)).
const ipBindAddressNoPort = 24

// connect does the handshake.
func (c *Conn) connect(ctx context.Context, to netip.AddrPort) error {
	sa, err := sockaddr(c.fd, to)
	if err != nil {
		return err
	}
	err = syscall.Connect(c.fd, sa)
	if err != nil && err != syscall.EINPROGRESS && err != syscall.EINTR {
		return err
	}
	// The poller gets the descriptor only now: before, a socket that is not connected counts as hung up.
	if err := c.Park(); err != nil {
		return err
	}
	if err != nil {
		for {
			ready, err := c.flow.wait(ctx, Out)
			if err != nil {
				return err
			}
			if ready != 0 {
				break
			}
		}
		if errno, _ := raw.GetInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR); errno != 0 {
			return syscall.Errno(errno)
		}
	}
	// On loopback a client may be given the very port it wants to reach, and TCP connects it with itself (a
	// simultaneous open, RFC 9293 section 3.5). Nobody listens there.
	if c.LocalAddr() == c.peer && !c.isDatagram() {
		return syscall.ECONNREFUSED
	}
	return nil
}

// ParseFrom reads an own address: as ParseAddr does, but the port may be left out.
func ParseFrom(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip, 0), nil
	}
	a, err := ParseAddr(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %s: an own address is an IP address, not a name", quote(s))
	}
	return netip.AddrPortFrom(ip, a.Port), nil
}

// Adopt makes a Conn of a descriptor that is connected to addr. It belongs to the Conn from now on, even if that fails.
func Adopt(fd int, addr string) (*Conn, error) {
	c := &Conn{fd: fd, peer: raw.PeerAddr(fd), count: new(Counters)}
	if _, unix := UnixPath(addr); unix {
		c.odd.Store(&odd{proto: "unix", local: "unix:", peer: addr})
	}
	if err := c.Park(); err != nil {
		raw.Close(fd)
		return nil, err
	}
	return c, nil
}
