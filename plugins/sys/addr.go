package sys

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

// fault is what the world said to a call; nil for nil and for errno 0.
func fault(op, addr string, err error) error {
	if err == nil || err == syscall.Errno(0) {
		return nil
	}
	if f, ok := err.(*lua.Fault); ok && f.Op == "" {
		named := *f
		named.Op, named.Addr = op, addr
		return &named
	}
	return plugins.Fault(op, addr, err)
}

// address reads an address as this socket's calls take it, if its place allows it. Of a name's addresses it is the first
// of the socket's own family; an address of the other family is the kernel's to refuse.
func (f *Fd) address(ctx context.Context, arg, text string) (unix.Sockaddr, error) {
	a, err := engines.ParseAddr(text)
	if err != nil {
		return nil, lua.Misusef(arg, "%s", err)
	}
	if f.family == unix.AF_INET6 && strings.HasPrefix(text, ":") {
		a.Host = "::1"
	}
	found, err := engines.Resolve(ctx, f.place, a)
	if err != nil {
		return nil, err
	}
	best := found[0]
	for _, one := range found {
		if one.Addr().Is4() == (f.family == unix.AF_INET) {
			best = one
			break
		}
	}
	return sockaddr(f.num, best)
}

// sockaddr is an address as the kernel takes it for a socket. An IPv4 address in IPv6 clothes, ::ffff:127.0.0.1, stays one.
func sockaddr(fd int, a netip.AddrPort) (unix.Sockaddr, error) {
	ip := a.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	}
	zone, err := engines.ZoneIndex(fd, ip.Zone())
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone}, err
}

// addrText is an address as scripts write it. An IPv4 peer of an IPv6 socket is given as what it is.
func addrText(sa unix.Sockaddr) string {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr).Unmap()
		if a.ZoneId != 0 && ip.Is6() {
			ip = ip.WithZone(strconv.FormatUint(uint64(a.ZoneId), 10))
		}
		return netip.AddrPortFrom(ip, uint16(a.Port)).String()
	}
	return ""
}
