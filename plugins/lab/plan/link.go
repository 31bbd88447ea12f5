package plan

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// LinkOptions are what can be said of a link.
type LinkOptions struct {
	MTU   int
	Addrs [2][]string // of its ends
	MACs  [2]string
}

// AddLink joins two nodes, each by an interface of its own.
func (p *Plan) AddLink(a, b *Node, o LinkOptions) (*Link, error) {
	if err := p.canLink(a, b, o); err != nil {
		return nil, err
	}
	l := &Link{Index: len(p.Links), MTU: o.MTU}
	l.A, l.B = p.end(l, a), p.end(l, b)
	for k, i := range []*Interface{l.A, l.B} {
		if err := p.equip(i, o.Addrs[k], o.MACs[k]); err != nil {
			return nil, err
		}
	}
	// Both ends may have been given one and the same.
	if l.A.MAC == l.B.MAC {
		return nil, problem("macs", "both ends have %s", l.A.MAC)
	}
	p.attach(l)
	if err := p.consistent(l); err != nil {
		p.detach(l)
		return nil, err
	}
	a.given, b.given = rest(a, l.A), rest(b, l.B)
	return l, nil
}

// rest is what a node was given for its first interface, once it has one.
func rest(n *Node, i *Interface) []netip.Prefix {
	if n.Interfaces[0] == i {
		return nil
	}
	return n.given
}

func (p *Plan) canLink(a, b *Node, o LinkOptions) error {
	switch {
	case a == b:
		return problem("b", "a link from %s to itself", a.Name)
	case len(p.Links) >= MostLinks:
		return problem("b", "a laboratory has %d links at most", MostLinks)
	case o.MTU != 0 && (o.MTU < 68 || o.MTU > 65535):
		return problem("mtu", "%d: from 68, the least that IPv4 allows (RFC 791), to 65535", o.MTU)
	case a.Kind == Switch && b.Kind == Switch && p.joined(a, b):
		return problem("b", "%s and %s are joined already: a loop of switches would pass broadcasts round for ever", a.Name, b.Name)
	}
	return nil
}

// end makes an interface: eth0, eth1, … on hosts and routers, and port1, port2, … on switches.
func (p *Plan) end(l *Link, n *Node) *Interface {
	i := &Interface{Node: n, Link: l, Name: fmt.Sprintf("eth%d", len(n.Interfaces))}
	if n.Kind == Switch {
		i.Name = fmt.Sprintf("port%d", len(n.Interfaces)+1)
	}
	// Locally administered, and readable: the node, then the interface.
	i.MAC = net.HardwareAddr{2, 0, 0, 0, byte(n.Index + 1), byte(len(n.Interfaces))}.String()
	return i
}

// equip gives an interface what the script said of it.
func (p *Plan) equip(i *Interface, addrs []string, mac string) error {
	if mac != "" {
		hw, err := net.ParseMAC(mac)
		if err != nil || len(hw) != 6 || hw[0]&1 != 0 || strings.Trim(hw.String(), "0:") == "" {
			return problem("macs", "%.40q is no address of an Ethernet interface, as 02:00:00:00:01:00", mac)
		}
		i.MAC = hw.String()
	}
	if other := p.macs[i.MAC]; other != nil {
		return problem("macs", "%s is %s's %s already", i.MAC, other.Node.Name, other.Name)
	}
	if i.Node.Kind == Switch {
		if len(addrs) > 0 {
			return problem("addrs", "%s is a switch, and has no address", i.Node.Name)
		}
		return nil
	}
	if len(i.Node.Interfaces) == 0 {
		i.Prefixes = append(i.Prefixes, i.Node.given...)
	}
	for _, s := range addrs {
		prefix, err := ParsePrefix(s)
		if err != nil {
			return problem("addrs", "%v", err)
		}
		i.Prefixes = append(i.Prefixes, prefix)
	}
	return nil
}

func (p *Plan) attach(l *Link) {
	p.Links = append(p.Links, l)
	for _, i := range []*Interface{l.A, l.B} {
		i.Node.Interfaces = append(i.Node.Interfaces, i)
		p.macs[i.MAC] = i
	}
}

func (p *Plan) detach(l *Link) {
	p.Links = p.Links[:len(p.Links)-1]
	for _, i := range []*Interface{l.B, l.A} {
		i.Node.Interfaces = i.Node.Interfaces[:len(i.Node.Interfaces)-1]
		delete(p.macs, i.MAC)
	}
}

// Segment is everything that a frame reaches without being routed: the interfaces with addresses at the ends of one
// link, or of all the links of a group of switches, in order of linking.
func (p *Plan) Segment(l *Link) []*Interface {
	var out []*Interface
	seen := map[*Link]bool{}
	var walk func(*Link)
	walk = func(l *Link) {
		if seen[l] {
			return
		}
		seen[l] = true
		for _, i := range []*Interface{l.A, l.B} {
			if i.Node.Kind == Switch {
				for _, port := range i.Node.Interfaces {
					walk(port.Link)
				}
			}
		}
	}
	walk(l)
	for _, link := range p.Links {
		if !seen[link] {
			continue
		}
		for _, i := range []*Interface{link.A, link.B} {
			if i.Node.Kind != Switch {
				out = append(out, i)
			}
		}
	}
	return out
}

// joined says whether two switches are one network.
func (p *Plan) joined(a, b *Node) bool {
	seen := map[*Node]bool{}
	var walk func(*Node) bool
	walk = func(n *Node) bool {
		if n == b {
			return true
		}
		seen[n] = true
		for _, i := range n.Interfaces {
			if o := i.Link.Other(i).Node; o.Kind == Switch && !seen[o] && walk(o) {
				return true
			}
		}
		return false
	}
	return walk(a)
}
