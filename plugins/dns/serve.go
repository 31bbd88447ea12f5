package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type serveOptions struct {
	Zone    string        `lua:"zone,required" help:"records, one a line, as in a zone file: \"a.test. A 192.0.2.1\""`
	Addr    *string       `lua:"addr" help:"address for UDP and TCP, port 0 is a free one; 127.0.0.1:0 when absent, or a laboratory host's first address"`
	Delay   time.Duration `lua:"delay" default:"0s" min:"0" max:"3600" help:"seconds to wait before each answer"`
	Drop    float64       `lua:"drop" default:"0" min:"0" max:"1" help:"share of the queries that get no answer, evenly: 0.5 drops the first of every two"`
	Rewrite lua.Callback  `lua:"rewrite" help:"function(query, answer): returns the answer to send, nil to send none"`
	plugins.Where
}

// A Server answers from a zone, over UDP and TCP on one port.
type Server struct {
	Addr string

	respond responder
	slow    bool // the responder may wait: each query has a goroutine
	delay   time.Duration
	udp     *net.UDPConn
	tcp     net.Listener
	held    *lua.Held

	ctx  context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	stats Stats
	share float64 // of the queries that are dropped
	conns map[net.Conn]struct{}
}

// serve starts a server that belongs to the caller's scope.
func serve(ctx context.Context, env *lua.Env, o serveOptions) (*Server, error) {
	place := o.Place(env)
	s, err := newServer(ctx, place, o)
	if err != nil {
		return nil, err
	}
	return s.keep(env, place), nil
}

func newServer(ctx context.Context, place engines.Place, o serveOptions) (*Server, error) {
	z, err := parseZone(o.Zone)
	if err != nil {
		return nil, err
	}
	s := &Server{respond: z.respond, delay: o.Delay, share: o.Drop}
	s.rewrite(o.Rewrite)
	addr := plugins.ListenAddr(place, o.Addr)
	if err := s.listen(ctx, place, addr); err != nil {
		return nil, lua.NewFault("serve", addr, err)
	}
	return s, nil
}

// keep has the server closed with the caller's scope.
func (s *Server) keep(env *lua.Env, place engines.Place) *Server {
	s.held = plugins.Keep(place, env.Own("dns server", s.close))
	return s
}

// listen binds the server's sockets and starts to answer.
func (s *Server) listen(ctx context.Context, place engines.Place, addr string) error {
	a, err := engines.ParseAddr(addr)
	if err != nil {
		return lua.Misusef("addr", "%v", err)
	}
	at, err := engines.Resolve(ctx, place, a)
	if err != nil {
		return err
	}
	if s.udp, s.tcp, err = listenBoth(place, at[0]); err != nil {
		return err
	}
	s.Addr, s.conns = s.udp.LocalAddr().String(), map[net.Conn]struct{}{}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.start("dns server, UDP", s.serveUDP)
	s.start("dns server, TCP", s.serveTCP)
	return nil
}

// start runs f on a goroutine that stop waits for.
func (s *Server) start(name string, f func()) {
	s.work.Add(1)
	lua.Go(name, func(error) { s.count(func(c *Stats) { c.Errors++ }) }, func() {
		defer s.work.Done()
		f()
	})
}

// stop ends the server by hand. It returns when its descriptors are closed and its goroutines gone.
func (s *Server) stop(context.Context) error {
	s.close()
	s.held.Release()
	return nil
}

// close may be called more than once.
func (s *Server) close() {
	s.end()
	s.udp.Close()
	s.tcp.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// listenBoth binds UDP and TCP to the same port. A free port is UDP's choice; where TCP's of that number is taken,
// another is tried.
func listenBoth(place engines.Place, at netip.AddrPort) (*net.UDPConn, net.Listener, error) {
	const tries = 16
	for try := 1; ; try++ {
		udp, err := listenUDP(place, at)
		if err != nil {
			return nil, nil, err
		}
		port := udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		tcp, err := listenTCP(place, netip.AddrPortFrom(at.Addr(), port))
		if err == nil {
			return udp, tcp, nil
		}
		udp.Close()
		if at.Port() != 0 || try == tries || !errors.Is(err, unix.EADDRINUSE) {
			return nil, nil, err
		}
	}
}

func listenUDP(place engines.Place, at netip.AddrPort) (*net.UDPConn, error) {
	fd, err := bound(place, unix.SOCK_DGRAM, at)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "dns")
	defer f.Close() // net keeps a descriptor of its own
	if at.Addr().IsUnspecified() {
		// Bound to every address, an answer has to leave from the one that was asked: ip(7), ipv6(7).
		level, opt := unix.IPPROTO_IP, unix.IP_PKTINFO
		if familyOf(at) == unix.AF_INET6 {
			level, opt = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
		}
		if err := unix.SetsockoptInt(fd, level, opt, 1); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

func listenTCP(place engines.Place, at netip.AddrPort) (net.Listener, error) {
	fd, err := bound(place, unix.SOCK_STREAM, at)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "dns")
	defer f.Close()
	if err := unix.Listen(fd, 128); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(f)
}

// bound is a socket of the place with an address.
func bound(place engines.Place, typ int, at netip.AddrPort) (fd int, err error) {
	fd, err = place.Socket(familyOf(at), typ, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if typ == unix.SOCK_STREAM { // connections of an earlier server on the port may be in TIME_WAIT: socket(7)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err := bind(fd, at); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
