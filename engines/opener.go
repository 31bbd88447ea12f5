package engines

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// An Opener makes sockets of streams that are ready to connect to one address: for those who drive many connections by themselves.
type Opener struct {
	To   netip.AddrPort // not valid for a unix socket
	Name *raw.Sockaddr  // the same, for raw.Connect

	o    DialOptions
	from netip.AddrPort
	turn atomic.Uint32 // of the sources
	many bool
}

// loopbackSources is how many addresses of 127/8 Spread uses.
const loopbackSources = 8

// LoopbackSource is an address of 127/8 by its number, from 0: 127.1.0.1 and those after it.
func LoopbackSource(number int) netip.Addr {
	number++
	return netip.AddrFrom4([4]byte{127, byte(1 + number>>16), byte(number >> 8), byte(number)})
}

// Spread gives the connections eight addresses of their own in turn, where they go to a loopback address over IPv4 and none
// was asked for: a port is a number for one pair of addresses only. Whoever connects and closes over and over from one address
// has the kernel look for a port that is not in TIME_WAIT, which was found to be a sixth of what a connection costs.
func (n *Opener) Spread() {
	n.many = !n.from.IsValid() && n.To.IsValid() && n.To.Addr().Is4() && n.To.Addr().IsLoopback()
}

// source is the own address of the next connection; not valid is the kernel's choice.
func (n *Opener) source() netip.AddrPort {
	if !n.many {
		return n.from
	}
	return netip.AddrPortFrom(LoopbackSource(int(n.turn.Add(1)%loopbackSources)), 0)
}

// NewOpener finds the address, the first where a name has several. Its errors are those of Dial.
func NewOpener(ctx context.Context, o DialOptions) (*Opener, error) {
	if o.Place == nil {
		o.Place = Here{}
	}
	if path, ok := UnixPath(o.Addr); ok {
		err := CheckUnixPath(path)
		if err == nil {
			err = errors.Join(Ready(ctx, o.Place), AllowUnix(o.Place, path))
		}
		return &Opener{o: o, Name: raw.NewUnixSockaddr(path)}, err
	}
	addr, err := ParseAddr(o.Addr)
	if err != nil {
		return nil, err
	}
	n := &Opener{o: o}
	if n.from, err = ParseFrom(o.From); err != nil {
		return nil, err
	}
	if n.from.IsValid() {
		if err := o.Place.Allow(n.from.Addr()); err != nil {
			return nil, err
		}
	}
	addrs, err := Resolve(ctx, o.Place, addr)
	if err != nil {
		return nil, err
	}
	n.To = addrs[0]
	var scope uint32
	if zone := n.To.Addr().Zone(); zone != "" {
		fd, err := n.Socket()
		if err != nil {
			return nil, err
		}
		defer raw.Close(fd)
		if scope, err = ZoneIndex(fd, zone); err != nil {
			return nil, err
		}
	}
	n.Name = raw.NewSockaddr(n.To, scope)
	return n, nil
}

// Socket makes one, close-on-exec and non-blocking.
func (n *Opener) Socket() (int, error) {
	if !n.To.IsValid() {
		return n.o.Place.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	}
	fd, err := n.o.Place.Socket(family(n.To), syscall.SOCK_STREAM, syscall.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	if err := prepare(fd, n.o, n.source(), n.To); err != nil {
		raw.Close(fd)
		return -1, err
	}
	return fd, nil
}
