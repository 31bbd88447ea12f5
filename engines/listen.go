package engines

import (
	"context"
	"crypto/tls"
	"net/netip"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// Config says where a server listens, and how. The zero value listens on a free port of 127.0.0.1.
type Config struct {
	Proto     string      // "tcp" or "udp"; "" is "tcp"
	Addr      string      // "host:port", or "unix:/path"; "" is the place's HomeAddr
	TLS       *tls.Config // nil is none
	Backlog   int         // how many connections may wait to be accepted; 0 is 128
	ReuseAddr bool        // SO_REUSEADDR: bind though connections of a former server are in TIME_WAIT
	ReusePort bool        // SO_REUSEPORT: several listeners share the port
	Place     Place       // nil is Here{}
	Options   Options
	Log       func(format string, args ...any) // for what a person should know; nil is nobody
	Known     []Model                          // the models that a hint may name
}

// Listen makes a listener: a plain TCP socket, bound and listening, or a UDP one, bound. Plain, because Go's own default
// would be MPTCP, which other programs show, and treat, differently. Errors wrap the kernel's errno.
func Listen(ctx context.Context, cfg Config) (*Listener, error) {
	if cfg.Place == nil {
		cfg.Place = Here{}
	}
	if cfg.Addr == "" {
		cfg.Addr = HomeAddr(cfg.Place)
	}
	if cfg.Backlog == 0 {
		cfg.Backlog = 128
	}
	if path, ok := UnixPath(cfg.Addr); ok {
		return listenUnix(ctx, cfg, path)
	}
	addr, err := ParseAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	addrs, err := Resolve(ctx, cfg.Place, addr)
	if err != nil {
		return nil, err
	}
	warmUp()
	stopFd, errno := raw.Eventfd()
	if errno != 0 {
		return nil, &Error{"listen", cfg.Addr, errno}
	}
	for _, addr := range addrs {
		var fd int
		if fd, err = bind(cfg, addr); err == nil {
			return newListener(fd, stopFd, cfg), nil
		}
	}
	raw.Close(stopFd)
	return nil, err
}

// HomeAddr is where a server listens in a place when nothing else is said: a free port of a host's first address, or
// else of 127.0.0.1.
func HomeAddr(place Place) string {
	if h, ok := place.(Host); ok {
		if ip, ok := h.Home(); ok {
			return netip.AddrPortFrom(ip, 0).String()
		}
	}
	return "127.0.0.1:0"
}

// warmUp has Go make its poller now. It is made with the first timer, and where no descriptor is free at that moment,
// which is when a server starts to pause, the runtime ends the program.
func warmUp() { time.AfterFunc(time.Hour, func() {}).Stop() }

// bind makes one listening socket.
func bind(cfg Config, addr netip.AddrPort) (fd int, err error) {
	kind, proto := syscall.SOCK_STREAM, syscall.IPPROTO_TCP
	if cfg.Proto == "udp" {
		kind, proto = syscall.SOCK_DGRAM, syscall.IPPROTO_UDP
	}
	fd, err = cfg.Place.Socket(family(addr), kind, proto)
	if err != nil {
		return -1, &Error{"listen", addr.String(), err}
	}
	defer func() {
		if err != nil {
			raw.Close(fd)
			fd, err = -1, &Error{"listen", addr.String(), err}
		}
	}()
	for _, option := range []struct {
		wanted bool
		name   int
	}{{cfg.ReuseAddr && cfg.Proto != "udp", syscall.SO_REUSEADDR}, {cfg.ReusePort, soReusePort}} {
		if option.wanted {
			if errno := raw.SetInt(fd, syscall.SOL_SOCKET, option.name, 1); errno != 0 {
				return fd, errno
			}
		}
	}
	sa, err := sockaddr(fd, addr)
	if err != nil {
		return fd, err
	}
	if err := syscall.Bind(fd, sa); err != nil {
		return fd, err
	}
	if cfg.Proto == "udp" {
		return fd, nil
	}
	return fd, syscall.Listen(fd, cfg.Backlog)
}

// soReusePort is SO_REUSEPORT, which Go's syscall package does not have on every architecture.
const soReusePort = 0xf

func family(addr netip.AddrPort) int {
	if addr.Addr().Unmap().Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// sockaddr is an address as bind and connect take it. The socket decides what the zone of an IPv6 address means.
func sockaddr(fd int, addr netip.AddrPort) (syscall.Sockaddr, error) {
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		return &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}, nil
	}
	scope, err := ZoneIndex(fd, ip.Zone())
	if err != nil {
		return nil, err
	}
	return &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16(), ZoneId: scope}, nil
}
