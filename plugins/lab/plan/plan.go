// Package plan is a laboratory on paper: which hosts there are and how they are linked, and from that every name,
// address and route. It touches no kernel, and refuses what a kernel would refuse or, worse, would do.
package plan

import (
	"fmt"
	"net/netip"
	"strings"
)

// The most that one laboratory has.
const (
	MostNodes = 64
	MostLinks = 256
)

// A Kind is what a node does.
type Kind int

const (
	Host   Kind = iota // an end system
	Router             // forwards packets between its links
	Switch             // joins its links to one network, and has no address
)

func (k Kind) String() string { return [...]string{"host", "router", "switch"}[k] }

// A Plan is one laboratory.
type Plan struct {
	Nodes []*Node
	Links []*Link

	byName map[string]*Node
	macs   map[string]*Interface
	next   int // the number of the next network that nobody gave
}

// A Node is a host, a router or a switch.
type Node struct {
	Name     string
	Kind     Kind
	Index    int
	Gateway  netip.Addr // where a host sends what is not on its links; the zero Addr is the plan's choice
	Resolver string     // the name server that it asks, "ip" or "ip:port"; "" is none

	Interfaces []*Interface // in order of linking

	given []netip.Prefix // for the first interface
}

// An Interface is one end of a link.
type Interface struct {
	Node     *Node
	Link     *Link
	Name     string
	MAC      string
	Prefixes []netip.Prefix // its addresses with the sizes of their networks
}

// A Link joins two nodes.
type Link struct {
	Index int
	A, B  *Interface
	MTU   int // 0 is 1500
}

// Other is the interface at the other end.
func (l *Link) Other(i *Interface) *Interface {
	if l.A == i {
		return l.B
	}
	return l.A
}

// New is an empty plan.
func New() *Plan {
	return &Plan{byName: map[string]*Node{}, macs: map[string]*Interface{}, next: 1}
}

// Node finds a node by its name, in any case.
func (p *Plan) Node(name string) *Node { return p.byName[strings.ToLower(name)] }

// NodeOptions are what can be said of a node; the zero value leaves all to the plan.
type NodeOptions struct {
	Addrs    []string // for its first link
	Gateway  string
	Resolver string
}

// A Problem is what is wrong with one argument.
type Problem struct {
	Arg  string
	Text string
}

func (p *Problem) Error() string { return p.Text }

func problem(arg, format string, args ...any) error {
	return &Problem{arg, fmt.Sprintf(format, args...)}
}

// AddNode adds a node without links.
func (p *Plan) AddNode(kind Kind, name string, o NodeOptions) (*Node, error) {
	if err := p.checkName(name); err != nil {
		return nil, err
	}
	if len(p.Nodes) >= MostNodes {
		return nil, problem("name", "a laboratory has %d hosts, routers and switches at most", MostNodes)
	}
	n := &Node{Name: name, Kind: kind, Index: len(p.Nodes), Resolver: o.Resolver}
	if kind == Switch && (len(o.Addrs) > 0 || o.Gateway != "" || o.Resolver != "") {
		return nil, problem("options", "a switch has no address, and asks nobody")
	}
	for _, s := range o.Addrs {
		prefix, err := ParsePrefix(s)
		if err != nil {
			return nil, problem("addr", "%v", err)
		}
		if err := p.free(prefix.Addr(), n); err != nil {
			return nil, problem("addr", "%v", err)
		}
		n.given = append(n.given, prefix)
	}
	if o.Gateway != "" {
		gw, err := netip.ParseAddr(o.Gateway)
		if err != nil || gw.Zone() != "" {
			return nil, problem("gateway", "%.40q is no IP address", o.Gateway)
		}
		if err := possible(netip.PrefixFrom(gw, gw.BitLen())); err != nil {
			return nil, problem("gateway", "%v", err)
		}
		if kind == Router {
			return nil, problem("gateway", "a router's routes are made from the links")
		}
		n.Gateway = gw
	}
	p.Nodes = append(p.Nodes, n)
	p.byName[strings.ToLower(name)] = n
	return n, nil
}

// mostName is that of interfaces (IFNAMSIZ, netdevice(7)): so a name fits wherever the kernel wants one.
const mostName = 15

func (p *Plan) checkName(name string) error {
	switch {
	case name == "":
		return problem("name", "an empty string is no name")
	case len(name) > mostName:
		return problem("name", "a name has %d letters at most, and this has %d", mostName, len(name))
	case strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name[0] == '-' || name[len(name)-1] == '-':
		return problem("name", "%q: a host's name has letters, digits and hyphens (RFC 1123)", name)
	case strings.Trim(name, "0123456789") == "":
		return problem("name", "%q could be taken for an address: a name has a letter", name)
	case strings.EqualFold(name, "localhost"):
		return problem("name", "localhost is every host itself")
	case p.Node(name) != nil:
		return problem("name", "there is a %s %s already", p.Node(name).Kind, p.Node(name).Name)
	}
	return nil
}

// Addrs are a node's addresses: IPv4 before IPv6, each in order of the links.
func (n *Node) Addrs() (all []netip.Addr) {
	for _, v6 := range []bool{false, true} {
		for _, i := range n.Interfaces {
			for _, p := range i.Prefixes {
				if p.Addr().Is6() == v6 {
					all = append(all, p.Addr())
				}
			}
		}
	}
	return all
}
