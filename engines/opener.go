package engines

import (
	"context"
	"errors"
	"net/netip"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// An Opener makes sockets of streams that are ready to connect to one address: for those who drive many connections by themselves.
type Opener struct {
	To   netip.AddrPort // not valid for a unix socket
	Name *raw.Sockaddr  // the same, for raw.Connect

	o    DialOptions
	from netip.AddrPort
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
	if err := prepare(fd, n.o, n.from, n.To); err != nil {
		raw.Close(fd)
		return -1, err
	}
	return fd, nil
}
