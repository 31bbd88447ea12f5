package plan

import (
	"net/netip"
	"slices"
)

// A Route leads to a network through a router on one of the node's links.
type Route struct {
	Dst netip.Prefix
	Via netip.Addr
}

// Routes are those of a node: the shortest ways to every network of the laboratory, the first router that was linked
// where there are several. A host with one router in reach has a default route to it instead.
func (p *Plan) Routes(n *Node) []Route {
	if n.Kind == Switch {
		return nil
	}
	var out []Route
	for _, v6 := range []bool{false, true} {
		if n.Gateway.IsValid() && n.Gateway.Is6() == v6 {
			out = append(out, Route{everything(v6), n.Gateway})
			continue
		}
		ways := p.ways(n, v6)
		if n.Kind == Host {
			ways = brief(ways, v6)
		}
		out = append(out, ways...)
	}
	return out
}

func everything(v6 bool) netip.Prefix {
	if v6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// brief puts a default route first, and leaves out the routes that say the same.
func brief(ways []Route, v6 bool) []Route {
	if len(ways) == 0 {
		return nil
	}
	out := []Route{{everything(v6), ways[0].Via}}
	for _, r := range ways {
		if r.Via != ways[0].Via {
			out = append(out, r)
		}
	}
	return out
}

// ways searches breadth first: networks that are one router away, then two, and so on.
func (p *Plan) ways(n *Node, v6 bool) []Route {
	type step struct {
		router *Node
		via    netip.Addr
	}
	reached := map[netip.Prefix]bool{}
	seen := map[*Node]bool{n: true}
	for _, q := range networks(n, v6) {
		reached[q] = true
	}
	var out []Route
	var queue []step
	near := func(at *Node, via netip.Addr) {
		for _, i := range at.Interfaces {
			for _, o := range p.Segment(i.Link) {
				if o.Node.Kind != Router || seen[o.Node] {
					continue
				}
				hop, ok := shared(i, o, v6)
				if !ok {
					continue
				}
				seen[o.Node] = true
				if at == n {
					queue = append(queue, step{o.Node, hop})
				} else {
					queue = append(queue, step{o.Node, via})
				}
			}
		}
	}
	near(n, netip.Addr{})
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, q := range networks(s.router, v6) {
			if !reached[q] {
				reached[q] = true
				out = append(out, Route{q, s.via})
			}
		}
		near(s.router, s.via)
	}
	return out
}

// networks are those that a node is on, of one family.
func networks(n *Node, v6 bool) (out []netip.Prefix) {
	for _, i := range n.Interfaces {
		for _, p := range i.Prefixes {
			if p.Addr().Is6() == v6 && !slices.Contains(out, p.Masked()) {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}

// shared is the address of o that i can send to directly.
func shared(i, o *Interface, v6 bool) (netip.Addr, bool) {
	for _, p := range i.Prefixes {
		for _, q := range o.Prefixes {
			if p.Addr().Is6() == v6 && p.Masked() == q.Masked() {
				return q.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}
