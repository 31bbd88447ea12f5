package engines

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// An Addr is an address as it was written: a host, which may be a name, and a port.
type Addr struct {
	Host string // an IP address without brackets, or a name; never empty
	Port uint16
}

// String writes it back: "host:port", "[v6]:port".
func (a Addr) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// ParseAddr reads "host:port", "[v6]:port" or ":port", which is loopback. The port is a number from 0 to 65535. Its
// errors are mistakes of whoever wrote the address, and say which.
func ParseAddr(s string) (Addr, error) {
	if strings.HasPrefix(s, "unix:") {
		return Addr{}, fmt.Errorf("address %s: only TCP addresses (host:port) can be used here, not unix sockets", quote(s))
	}
	host, port, err := splitAddr(s)
	if err != nil {
		return Addr{}, err
	}
	n, err := strconv.ParseUint(port, 10, 64)
	if err != nil || port[0] == '+' {
		return Addr{}, fmt.Errorf("address %s: the port must be a number from 0 to 65535, not %s", quote(s), quote(port))
	}
	if n > 65535 {
		return Addr{}, fmt.Errorf("address %s: port %d is above 65535", quote(s), n)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if err := checkHost(host); err != nil {
		return Addr{}, fmt.Errorf("address %s: %w", quote(s), err)
	}
	return Addr{host, uint16(n)}, nil
}

func splitAddr(s string) (host, port string, err error) {
	if s == "" {
		return "", "", fmt.Errorf(`an empty string is no address: "host:port" is expected`)
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return "", "", fmt.Errorf(`address %s has no port: "host:port" is expected`, quote(s))
	}
	host, port = s[:i], s[i+1:]
	switch {
	case port == "":
		return "", "", fmt.Errorf("address %s has no port after the colon", quote(s))
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		host = host[1 : len(host)-1]
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() {
			return "", "", fmt.Errorf("address %s: %s is no IPv6 address", quote(s), quote(host))
		}
	case strings.ContainsRune(host, ':'):
		return "", "", fmt.Errorf(`address %s: an IPv6 address needs brackets: "[::1]:80"`, quote(s))
	}
	return host, port, nil
}

// checkHost refuses what can be neither an IP address nor a name.
func checkHost(host string) error {
	if len(host) > 255 {
		return fmt.Errorf("a name of %d bytes: the DNS allows 255", len(host))
	}
	if i := strings.IndexFunc(host, func(r rune) bool { return r <= ' ' || r == 127 || strings.ContainsRune("[]/@", r) }); i >= 0 {
		return fmt.Errorf("%q cannot be part of a host name", host[i])
	}
	if !strings.ContainsFunc(host, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("%s is no IPv4 address: four numbers from 0 to 255 are expected", quote(host))
		}
	}
	return nil
}

// Resolve gives the addresses to try for a, in order, that the place allows. An IP address is itself, "localhost"
// needs no resolver, and another name means what the place says it does. Here that is the system's resolver, which is
// asked only where more than loopback is allowed: the question itself would leave the machine.
func Resolve(ctx context.Context, place Place, a Addr) ([]netip.AddrPort, error) {
	if err := Ready(ctx, place); err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		if err := place.Allow(ip); err != nil {
			return nil, &Error{"use", a.String(), err}
		}
		return []netip.AddrPort{netip.AddrPortFrom(ip, a.Port)}, nil
	}
	if strings.EqualFold(strings.TrimSuffix(a.Host, "."), "localhost") {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port),
			netip.AddrPortFrom(netip.IPv6Loopback(), a.Port),
		}, nil
	}
	lookup := func(ctx context.Context, name string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	}
	if h, ok := place.(Host); ok {
		lookup = h.Lookup
	} else if err := place.Allow(netip.IPv4Unspecified()); err != nil {
		return nil, &Error{"resolve", a.Host, namesNotAllowed{err}}
	}
	ips, err := lookup(ctx, a.Host)
	if err != nil {
		return nil, &Error{"resolve", a.Host, err}
	}
	var found []netip.AddrPort
	for _, ip := range ips {
		if err = place.Allow(ip.Unmap()); err == nil {
			found = append(found, netip.AddrPortFrom(ip.Unmap(), a.Port))
		}
	}
	if len(found) == 0 {
		return nil, &Error{"use", a.String(), err}
	}
	return found, nil
}

// Ready waits until a place is there, which a laboratory's host is not before it is first used.
func Ready(ctx context.Context, place Place) error {
	if h, ok := place.(Host); ok {
		return h.Ready(ctx)
	}
	return nil
}

// namesNotAllowed is the refusal to ask a resolver.
type namesNotAllowed struct{ err error }

func (namesNotAllowed) Error() string {
	return "a script file is held to loopback addresses, so only IP addresses and localhost can be used (--host lifts this)"
}

func (e namesNotAllowed) Unwrap() error { return e.err }

// quote shows what somebody wrote, escaped and never too long for a line.
func quote(s string) string {
	if len(s) > 60 {
		return strconv.Quote(s[:57] + "...")
	}
	return strconv.Quote(s)
}
