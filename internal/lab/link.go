package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// link is a cable. It has a bridge somewhere in it: that of the switch at an end, or else one of its own in the middle.
// Cut, it is taken off there, so that frames get lost and neither end is told.
type link struct {
	at     *host
	port   netlink.Link
	bridge netlink.Link
}

func (g *ground) newLink(n *NewLink) (err error) {
	if len(g.links) >= MostLinks {
		return fmt.Errorf("a laboratory has %d links at most", MostLinks)
	}
	a, err := g.host(n.A.Host)
	if err != nil {
		return err
	}
	b, err := g.host(n.B.Host)
	if err != nil {
		return err
	}
	l := &link{}
	switch {
	case a.kind == Switch:
		if err = g.cable(n.MTU, b, &n.B, a, &n.A); err == nil {
			l.at, l.bridge = a, a.bridge
			l.port, err = a.handle.LinkByName(n.A.Name)
		}
	case b.kind == Switch:
		if err = g.cable(n.MTU, a, &n.A, b, &n.B); err == nil {
			l.at, l.bridge = b, b.bridge
			l.port, err = b.handle.LinkByName(n.B.Name)
		}
	default:
		l, err = g.middle(n, a, b)
	}
	if err != nil {
		return err
	}
	g.links = append(g.links, l)
	return nil
}

// middle joins two hosts by two cables that meet at a bridge in the process's own network.
func (g *ground) middle(n *NewLink, a, b *host) (*link, error) {
	name := fmt.Sprintf("l%d", len(g.links))
	bridge, err := g.wire.newBridge(name)
	if err != nil {
		return nil, err
	}
	// The wire's ends are made as a switch's ports are.
	wire := &host{ns: g.wire.ns, handle: g.wire.handle, kind: Switch, bridge: bridge}
	for _, end := range []struct {
		h    *host
		end  *End
		name string
	}{{a, &n.A, name + "a"}, {b, &n.B, name + "b"}} {
		if err := g.cable(n.MTU, end.h, end.end, wire, &End{Name: end.name}); err != nil {
			return nil, err
		}
	}
	l := &link{at: g.wire, bridge: bridge}
	l.port, err = g.wire.handle.LinkByName(name + "a")
	return l, err
}

// cable is a pair of interfaces (veth(4)), one in each network, with their addresses, up.
func (g *ground) cable(mtu int, a *host, aEnd *End, b *host, bEnd *End) error {
	aMAC, err := mac(aEnd.MAC)
	if err != nil {
		return err
	}
	bMAC, err := mac(bEnd.MAC)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr, attrs.Namespace = aEnd.Name, mtu, aMAC, netlink.NsFd(a.ns)
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerHardwareAddr, veth.PeerNamespace = bEnd.Name, bMAC, netlink.NsFd(b.ns)
	if err := g.wire.handle.LinkAdd(veth); err != nil {
		return fmt.Errorf("making a link: %w", err)
	}
	if err := a.plug(aEnd); err != nil {
		return err
	}
	return b.plug(bEnd)
}

// plug brings up a fresh interface: with its addresses, or as a port of the switch.
func (h *host) plug(e *End) error {
	l, err := h.handle.LinkByName(e.Name)
	if err != nil {
		return err
	}
	if h.kind == Switch {
		if err := h.handle.LinkSetMaster(l, h.bridge); err != nil {
			return err
		}
	}
	for _, p := range e.Prefixes {
		if err := h.handle.AddrAdd(l, addr(p)); err != nil {
			return fmt.Errorf("giving %s the address %s: %w", e.Name, p, err)
		}
	}
	return h.handle.LinkSetUp(l)
}

func mac(s string) (net.HardwareAddr, error) {
	if s == "" {
		return nil, nil
	}
	return net.ParseMAC(s)
}

func addr(p netip.Prefix) *netlink.Addr {
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// becomeSwitch makes the bridge of which every link to come is a port.
func (h *host) becomeSwitch() error {
	if err := h.quiet(); err != nil {
		return err
	}
	bridge, err := h.newBridge("br0")
	h.bridge = bridge
	return err
}

// newBridge makes a bridge that passes everything on. It does not listen in on multicast groups, of which nobody here
// would keep it informed.
func (h *host) newBridge(name string) (netlink.Link, error) {
	attrs, snoop := netlink.NewLinkAttrs(), false
	attrs.Name, attrs.Namespace = name, netlink.NsFd(h.ns)
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snoop}
	if err := h.handle.LinkAdd(bridge); err != nil {
		return nil, fmt.Errorf("making a bridge: %w", err)
	}
	made, err := h.handle.LinkByName(name)
	if err != nil {
		return nil, err
	}
	return made, h.handle.LinkSetUp(made)
}

func (g *ground) cut(c *Cut) error {
	if c.Link < 0 || c.Link >= len(g.links) {
		return fmt.Errorf("there is no link %d", c.Link)
	}
	l := g.links[c.Link]
	if c.Mend {
		return l.at.handle.LinkSetMaster(l.port, l.bridge)
	}
	return l.at.handle.LinkSetNoMaster(l.port)
}
