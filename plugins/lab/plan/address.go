package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ParsePrefix reads an address with the size of its network, "10.0.1.1/24"; without one it is /24, or /64 for IPv6.
func ParsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%.40q is no IP address, as 10.0.1.1/24", s)
		}
		bits := 24
		if ip.Is6() {
			bits = 64
		}
		s = netip.PrefixFrom(ip, bits).String()
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%.40q is no IP address, as 10.0.1.1/24", s)
	}
	return prefix, possible(prefix)
}

// possible refuses addresses that no interface can have.
func possible(p netip.Prefix) error {
	ip := p.Addr()
	switch {
	case ip.IsUnspecified(), ip.IsMulticast(), ip.IsLoopback(), ip.Is4In6(),
		ip.Is4() && (ip.As4()[0] == 0 || ip.As4()[0] >= 240):
		return fmt.Errorf("%s cannot be the address of an interface", ip)
	case ip.IsLinkLocalUnicast() && ip.Is6():
		return fmt.Errorf("%s: link-local addresses are made by the kernel", ip)
	case p.Bits() < 8:
		return fmt.Errorf("%s: a network of that size leaves no room for others", p)
	case ip.Is4() && p.Bits() < 31 && ip == p.Masked().Addr():
		return fmt.Errorf("%s is the network itself, not an address in it", p)
	case ip.Is4() && p.Bits() < 31 && ip == last(p):
		return fmt.Errorf("%s is the broadcast address of its network", p)
	}
	return nil
}

// last is the highest address of an IPv4 network.
func last(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(a)
}

// free says who has an address.
func (p *Plan) free(ip netip.Addr, n *Node) error {
	for _, other := range p.Nodes {
		if other == n {
			continue
		}
		if slices.Contains(other.Addrs(), ip) || slices.ContainsFunc(other.given, func(p netip.Prefix) bool { return p.Addr() == ip }) {
			return fmt.Errorf("%s is %s's already", ip, other.Name)
		}
	}
	return nil
}

// consistent looks for addresses that are there twice, and for networks that overlap, once l is there.
func (p *Plan) consistent(l *Link) error {
	here := p.Segment(l)
	for _, i := range here {
		for k, prefix := range i.Prefixes {
			if err := p.free(prefix.Addr(), i.Node); err != nil {
				return problem("addrs", "%v", err)
			}
			for _, other := range i.Prefixes[:k] {
				if other.Addr() == prefix.Addr() {
					return problem("addrs", "%s has %s twice", i.Node.Name, prefix.Addr())
				}
			}
			if err := p.apart(i, prefix, here); err != nil {
				return err
			}
			if i.Link.MTU != 0 && i.Link.MTU < leastIPv6 && prefix.Addr().Is6() {
				return problem("mtu", "%d: IPv6 needs %d bytes (RFC 8200), and %s has the address %s", i.Link.MTU, leastIPv6, i.Node.Name, prefix.Addr())
			}
		}
	}
	return p.merged(l, here)
}

// leastIPv6 is the smallest MTU of a link that carries IPv6.
const leastIPv6 = 1280

// apart says which other network overlaps with that of an interface. In its own segment networks are the same or apart.
func (p *Plan) apart(i *Interface, prefix netip.Prefix, here []*Interface) error {
	for _, n := range p.Nodes {
		for _, other := range n.Interfaces {
			same := slices.Contains(here, other)
			for _, q := range other.Prefixes {
				if !prefix.Overlaps(q) || same && prefix.Masked() == q.Masked() {
					continue
				}
				return problem("addrs", "the networks %s (%s) and %s (%s) overlap", prefix.Masked(), i.Node.Name, q.Masked(), n.Name)
			}
		}
	}
	return nil
}

// merged refuses to make one network of two whose members have been numbered apart.
func (p *Plan) merged(l *Link, here []*Interface) error {
	if l.A.Node.Kind != Switch || l.B.Node.Kind != Switch {
		return nil
	}
	var first netip.Prefix
	for _, i := range here {
		for _, q := range i.Prefixes {
			switch {
			case q.Addr().Is6():
			case !first.IsValid():
				first = q.Masked()
			case q.Masked() != first:
				return problem("b", "the networks %s and %s would become one: link switches before their hosts' addresses are used, or give the addresses", first, q.Masked())
			}
		}
	}
	return nil
}

// Assign gives an address of each family to every interface that has none. It is called when somebody wants to know,
// and again when links have been added.
func (p *Plan) Assign() {
	done := map[*Interface]bool{}
	for _, l := range p.Links {
		members := p.Segment(l)
		if len(members) == 0 || done[members[0]] {
			continue
		}
		for _, i := range members {
			done[i] = true
		}
		// Routers come first: their addresses are the ones that people look for at .1.
		slices.SortStableFunc(members, func(a, b *Interface) int { return int(b.Node.Kind&Router) - int(a.Node.Kind&Router) })
		number := 0
		for _, v6 := range []bool{false, true} {
			if !v6 || carriesIPv6(members) {
				number = p.number(members, v6, number)
			}
		}
	}
}

func carriesIPv6(members []*Interface) bool {
	for _, i := range members {
		if i.Link.MTU != 0 && i.Link.MTU < leastIPv6 {
			return false
		}
	}
	return true
}

// number gives addresses of one family, in a network of the plan's choice where none was given. It returns the number
// of that network, so that IPv6 can have the same.
func (p *Plan) number(members []*Interface, v6 bool, network int) int {
	var prefix netip.Prefix
	used := map[netip.Addr]bool{}
	var wanting []*Interface
	for _, i := range members {
		has := false
		for _, q := range i.Prefixes {
			if q.Addr().Is6() == v6 {
				has, used[q.Addr()] = true, true
				if !prefix.IsValid() {
					prefix = q.Masked()
				}
			}
		}
		if !has {
			wanting = append(wanting, i)
		}
	}
	if len(wanting) == 0 {
		return network
	}
	if !prefix.IsValid() {
		prefix, network = p.network(v6, network)
	}
	ip := prefix.Addr()
	for _, i := range wanting {
		for ip = ip.Next(); used[ip]; ip = ip.Next() {
		}
		if !prefix.Contains(ip) || ip.Is4() && prefix.Bits() < 31 && ip == last(prefix) {
			return network // the network that was given is full: the rest have no address
		}
		used[ip] = true
		i.Prefixes = append(i.Prefixes, netip.PrefixFrom(ip, prefix.Bits()))
	}
	return network
}

// network is the next one that overlaps with none: 10.0.1.0/24 and fd00:0:0:1::/64, 10.0.2.0/24 and fd00:0:0:2::/64, …
func (p *Plan) network(v6 bool, number int) (netip.Prefix, int) {
	if number == 0 {
		number = p.next
	}
	for ; ; number++ {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(number >> 8), byte(number)}), 24)
		if v6 {
			prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 6: byte(number >> 8), 7: byte(number)}), 64)
		}
		if p.unused(prefix) {
			p.next = max(p.next, number+1)
			return prefix, number
		}
	}
}

func (p *Plan) unused(prefix netip.Prefix) bool {
	for _, n := range p.Nodes {
		for _, q := range n.given {
			if q.Overlaps(prefix) {
				return false
			}
		}
		for _, i := range n.Interfaces {
			for _, q := range i.Prefixes {
				if q.Overlaps(prefix) {
					return false
				}
			}
		}
	}
	return true
}

// Check says what cannot be, now that every address is known.
func (p *Plan) Check() error {
	for _, n := range p.Nodes {
		if !n.Gateway.IsValid() {
			continue
		}
		on := slices.ContainsFunc(n.Interfaces, func(i *Interface) bool {
			return slices.ContainsFunc(i.Prefixes, func(q netip.Prefix) bool { return q.Masked().Contains(n.Gateway) })
		})
		if !on {
			return problem("gateway", "%s's gateway %s is on none of its links", n.Name, n.Gateway)
		}
	}
	return nil
}
