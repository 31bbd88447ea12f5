package crowd

import (
	"net/netip"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT (ip(7)): the port is chosen when the peer is known, so that one port serves
// connections to different peers.
const ipBindAddressNoPort = 24

// sources are the own addresses of connections. A port is a number for one pair of addresses only, so on loopback, where
// all of 127/8 is this machine's, there are as many as anybody wants.
type sources struct {
	spread        int
	fixed         *raw.Sockaddr // the one address that was asked for
	port          bool          // and its port
	number        int           // of the address of 127/8 that is in use; 0 is the kernel's choice
	skipped       int           // addresses whose ports others had
	made          *raw.Sockaddr // that of number
	mayMeetItself bool
}

// addresses makes the order's addresses ready for use.
func (p *opener) addresses() syscall.Errno {
	o := &p.o
	p.from = &sources{spread: o.Spread}
	if o.From.IsValid() {
		p.from.fixed, p.from.port = raw.NewSockaddr(o.From, 0), o.From.Port() != 0
	}
	for _, to := range o.To {
		scope := uint32(0)
		if to.Addr().Zone() != "" {
			fd, err := p.k.socket(syscall.AF_INET6)
			if err != nil {
				return errnoOf(err)
			}
			scope, err = engines.ZoneIndex(fd, to.Addr().Zone())
			raw.Close(fd)
			if err != nil {
				return errnoOf(err)
			}
		}
		p.to = append(p.to, raw.NewSockaddr(to, scope))
		family := syscall.AF_INET6
		if to.Addr().Unmap().Is4() {
			family = syscall.AF_INET
		}
		p.fam = append(p.fam, family)
		if ip := to.Addr().Unmap(); ip.IsLoopback() && (o.Spread == 0 || ip.As4()[1] != 0) { // or the source is another address
			p.from.mayMeetItself = true
		}
	}
	if o.Path != "" {
		p.to, p.fam = []*raw.Sockaddr{raw.NewUnixSockaddr(o.Path)}, []int{syscall.AF_UNIX}
	}
	p.begun = make([]attempt, max(1, o.Window))
	for a := range p.begun {
		p.release(len(p.begun) - 1 - a)
	}
	return 0
}

// give gives a socket the own address of connection number n.
func (s *sources) give(fd, n int) syscall.Errno {
	if s.fixed != nil {
		return s.bindTo(fd, s.fixed, !s.port)
	}
	if s.spread == 0 {
		return 0
	}
	if number := n/s.spread + s.skipped; number != s.number || s.made == nil {
		s.number, s.made = number, spreadAddr(number)
	}
	return s.bind(fd)
}

// advance takes the next address of 127/8; false where there is none to be taken.
func (s *sources) advance() bool {
	const most = 1 << 14 // of those below
	if s.spread == 0 || s.number >= most {
		return false
	}
	s.skipped++
	s.number++
	s.made = spreadAddr(s.number)
	return true
}

func (s *sources) bind(fd int) syscall.Errno { return s.bindTo(fd, s.made, true) }

func (s *sources) bindTo(fd int, at *raw.Sockaddr, anyPort bool) syscall.Errno {
	if anyPort {
		raw.SetInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	}
	return raw.Bind(fd, at)
}

// spreadAddr is a loopback address, by its number.
func spreadAddr(number int) *raw.Sockaddr {
	return raw.NewSockaddr(netip.AddrPortFrom(engines.LoopbackSource(number), 0), 0)
}
