package trace

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// resolve finds the one address that is asked about.
func resolve(ctx context.Context, place engines.Place, to string) (netip.Addr, error) {
	addr, err := engines.ParseAddr(net.JoinHostPort(to, "0"))
	if to == "" || err != nil {
		if _, err := engines.ParseAddr(to); err == nil {
			return netip.Addr{}, lua.Misusef("to", "a name or address without a port expected, got %q", to)
		}
		return netip.Addr{}, lua.Misusef("to", "name or address of a host expected, got %.60q", to)
	}
	found, err := engines.Resolve(ctx, place, addr)
	if err != nil {
		return netip.Addr{}, err
	}
	return found[0].Addr().Unmap(), nil
}

// A probe is a connected socket that hears what ICMP has to say of what it sent.
type probe struct {
	file *os.File
	conn syscall.RawConn
	fd   int
	v6   bool
}

// A heard is one thing that a probe heard: an answer, or an error.
type heard struct {
	at   time.Time
	from netip.Addr // who answered, or who said that it failed
	ttl  int        // of an answer: what was left of it; -1 where the kernel did not say
	data []byte     // of an answer; of an error what had been sent, where the kernel kept it

	errno  syscall.Errno // of an error
	local  bool          // said by this host's own kernel
	passed bool          // a router's: its time to live was over
	port   bool          // the host's own: nobody listens on the port
}

// newProbe makes one. Proto 0 is UDP; its errors are those of the socket calls.
func newProbe(place engines.Place, proto int, to netip.AddrPort, ttl int) (*probe, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := place.Socket(family, unix.SOCK_DGRAM, proto)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &probe{fd: fd, v6: to.Addr().Is6(), file: os.NewFile(uintptr(fd), "probe")}
	if err := p.prepare(to, ttl); err != nil {
		p.file.Close()
		return nil, err
	}
	if p.conn, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return nil, err
	}
	return p, nil
}

func (p *probe) prepare(to netip.AddrPort, ttl int) error {
	level, recvErr, recvTTL, setTTL := unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_RECVTTL, unix.IP_TTL
	sa := unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port())})
	if p.v6 {
		level, recvErr, recvTTL, setTTL = unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_RECVHOPLIMIT, unix.IPV6_UNICAST_HOPS
		zone, err := engines.ZoneIndex(p.fd, to.Addr().Zone())
		if err != nil {
			return err
		}
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16(), ZoneId: zone}
	} else {
		sa.(*unix.SockaddrInet4).Addr = to.Addr().As4()
	}
	set := [][2]int{{recvErr, 1}, {recvTTL, 1}}
	if ttl > 0 {
		set = append(set, [2]int{setTTL, ttl})
	}
	for _, o := range set {
		if err := unix.SetsockoptInt(p.fd, level, o[0], o[1]); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("connect", unix.Connect(p.fd, sa))
}

func (p *probe) close() { p.file.Close() }

// send sends one datagram. An error that an earlier one left at the socket is reported by this call, too, and is heard
// anyway: it is passed over, once.
func (p *probe) send(data []byte) error {
	err := unix.Send(p.fd, data, unix.MSG_NOSIGNAL)
	if err == unix.ECONNREFUSED || err == unix.EHOSTUNREACH {
		err = unix.Send(p.fd, data, unix.MSG_NOSIGNAL)
	}
	return os.NewSyscallError("send", err)
}

// hear waits for the next thing, until a time. Nothing at all is nil.
func (p *probe) hear(ctx context.Context, until time.Time) (*heard, error) {
	defer context.AfterFunc(ctx, func() { p.file.SetReadDeadline(time.Unix(1, 0)) })()
	p.file.SetReadDeadline(until)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var h *heard
	var err error
	waited := p.conn.Read(func(uintptr) bool {
		h, err = p.look()
		return h != nil || err != nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(waited, os.ErrDeadlineExceeded):
		return nil, nil
	case waited != nil:
		return nil, waited
	}
	return h, err
}

// look takes what is there: an error from the queue of errors, or a datagram.
func (p *probe) look() (*heard, error) {
	buf, oob := make([]byte, 64<<10), make([]byte, 512)
	for {
		n, oobn, _, _, err := unix.Recvmsg(p.fd, buf, oob, unix.MSG_ERRQUEUE)
		if err == nil {
			if h := readError(oob[:oobn]); h != nil {
				h.data = buf[:n]
				return h, nil
			}
			continue
		}
		n, oobn, _, from, err := unix.Recvmsg(p.fd, buf, oob, 0)
		switch err {
		case nil:
			return &heard{at: time.Now(), data: buf[:n], ttl: readTTL(oob[:oobn]), from: addrOf(from)}, nil
		case unix.EAGAIN:
			return nil, nil
		case unix.EINTR:
		case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.EMSGSIZE, unix.EPROTO, unix.ENOPROTOOPT, unix.EOPNOTSUPP:
			// the same error, marked at the socket as well: it is in the queue
		default:
			return nil, os.NewSyscallError("recvmsg", err)
		}
	}
}

func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr).Unmap()
	}
	return netip.Addr{}
}

func readTTL(oob []byte) int {
	list, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range list {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT
		if (v4 || v6) && len(m.Data) >= 4 {
			return int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return -1
}

// readError reads a struct sock_extended_err and the address behind it (ip(7)).
func readError(oob []byte) *heard {
	list, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range list {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < 16 {
			continue
		}
		const originICMP, originICMP6 = 2, 3
		origin, typ, code := m.Data[4], m.Data[5], m.Data[6]
		h := &heard{at: time.Now(), ttl: -1, errno: syscall.Errno(binary.NativeEndian.Uint32(m.Data)), from: offender(m.Data[16:])}
		switch origin {
		case originICMP: // RFC 792
			h.passed, h.port = typ == 11 && code == 0, typ == 3 && code == 3
		case originICMP6: // RFC 4443
			h.passed, h.port = typ == 3 && code == 0, typ == 1 && code == 4
		default:
			h.local = true
		}
		return h
	}
	return nil
}

// offender is the sockaddr of who sent the message.
func offender(sa []byte) netip.Addr {
	if len(sa) < 8 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(sa); {
	case family == unix.AF_INET:
		return netip.AddrFrom4([4]byte(sa[4:8]))
	case family == unix.AF_INET6 && len(sa) >= 24:
		return netip.AddrFrom16([16]byte(sa[8:24]))
	}
	return netip.Addr{}
}
