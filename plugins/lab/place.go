package lab

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// A Host is where the other plugins open their sockets.
var _ engines.Host = (*Host)(nil)

// Socket makes a socket in the host's network.
func (h *Host) Socket(family, typ, proto int) (int, error) {
	if h.lab == nil {
		return engines.Here{}.Socket(family, typ, proto)
	}
	return h.descriptor(lab.Request{Socket: &lab.Socket{Family: family, Type: typ &^ (unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK), Proto: proto}})
}

// Open opens a file of the network's state: below /proc/net or /proc/sys/net.
func (h *Host) Open(name string) (*os.File, error) {
	if h.lab == nil {
		return engines.Here{}.Open(name)
	}
	fd, err := h.descriptor(lab.Request{Open: &lab.Open{Path: name}})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (h *Host) descriptor(r lab.Request) (int, error) {
	ctx := context.Background() // the process answers at once, or is gone
	if err := h.lab.ensure(ctx); err != nil {
		return -1, err
	}
	r.Host = h.node.Index
	fd, err := h.lab.process.Descriptor(ctx, r)
	if no, ok := refusal(err); ok {
		return -1, no
	}
	if err != nil {
		return -1, fault("", h.Name(), err)
	}
	return fd, nil
}

// refusal is the bare errno, as a socket call of one's own would have given it.
func refusal(err error) (syscall.Errno, bool) {
	r, ok := err.(*lab.Refusal)
	if !ok || r.Text != "" {
		return 0, false
	}
	return r.Errno, r.Errno != 0
}

// Allow lets scripts use any address: none of them is outside the laboratory.
func (h *Host) Allow(netip.Addr) error { return nil }

// Ready waits until the laboratory is built as far as the plan goes.
func (h *Host) Ready(ctx context.Context) error {
	if h.lab == nil {
		return nil
	}
	return h.lab.ensure(ctx)
}

// Home is the first of its addresses.
func (h *Host) Home() (netip.Addr, bool) {
	if h.lab == nil {
		return netip.Addr{}, false
	}
	if all := h.lab.addrs(h.node); len(all) > 0 {
		return all[0], true
	}
	return netip.Addr{}, false
}

// Scope owns what is opened on the laboratory's hosts.
func (h *Host) Scope() *lua.Scope {
	if h.lab == nil {
		return nil
	}
	return h.lab.scope
}

// Lookup finds a host of the laboratory by its name, or else asks the host's name server.
func (h *Host) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if h.lab != nil {
		if n := h.lab.node(name); n != nil {
			if all := h.lab.addrs(n); len(all) > 0 {
				return all, nil
			}
			return nil, &net.DNSError{Err: "it has no address", Name: name, IsNotFound: true}
		}
	}
	server := h.Resolver()
	if server == "" {
		return nil, &net.DNSError{Err: "no host of the laboratory has that name, and this one asks no name server", Name: name, IsNotFound: true}
	}
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return h.dialServer(ctx, network, server)
	}}
	return r.LookupNetIP(ctx, "ip", name)
}

// dialServer connects to the host's name server.
func (h *Host) dialServer(ctx context.Context, network, server string) (net.Conn, error) {
	to, err := h.server(server)
	if err != nil {
		return nil, err
	}
	typ := unix.SOCK_DGRAM
	if network[:3] == "tcp" {
		typ = unix.SOCK_STREAM
	}
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port()), Addr: [4]byte(to.Addr().AsSlice()[:4])})
	if to.Addr().Is6() {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err := h.Socket(family, typ, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, sa); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "resolver")
	defer f.Close() // net keeps a descriptor of its own
	return net.FileConn(f)
}

// server reads "ip", "ip:port", "name" or "name:port".
func (h *Host) server(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 53), nil
	}
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	a, err := engines.ParseAddr(s)
	if err != nil {
		if a, err = engines.ParseAddr(s + ":53"); err != nil {
			return netip.AddrPort{}, err
		}
	}
	if h.lab != nil {
		if n := h.lab.node(a.Host); n != nil {
			if all := h.lab.addrs(n); len(all) > 0 {
				return netip.AddrPortFrom(all[0], a.Port), nil
			}
		}
	}
	return netip.AddrPort{}, &net.DNSError{Err: "the name server is not a host of the laboratory", Name: s, IsNotFound: true}
}
