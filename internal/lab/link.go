package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// link is a cable between two hosts, one of them maybe a switch. It is two pairs of interfaces, whose inner ends are in
// the process's own network; what joins them there is a bridge, or a wire, or when it is cut nothing. So the hosts'
// ends never notice what becomes of the middle, and a switch's end is no different from any other.
type link struct {
	ends   [2]*host
	names  [2]string       // of their interfaces
	ports  [2]netlink.Link // the inner ends
	bridge netlink.Link

	bridged  [2]bool // which of the inner ends are ports of the bridge
	offloads bool    // the hosts' ends may put work off
	cut      bool
	shapes   [2]Shape // of what each end sends
	lanes    *[2]lane // once it has had a shape
	wire     *wire    // nil while the bridge joins the ends, or nothing
}

func (g *ground) newLink(n *NewLink) error {
	if len(g.links) >= MostLinks {
		return fmt.Errorf("a laboratory has %d links at most", MostLinks)
	}
	name := fmt.Sprintf("l%d", len(g.links))
	bridge, err := g.wire.newBridge(name)
	if err != nil {
		return err
	}
	l := &link{bridge: bridge, bridged: [2]bool{true, true}, offloads: true}
	// The inner ends are made as a switch's ports are.
	middle := &host{ns: g.wire.ns, handle: g.wire.handle, kind: Switch, bridge: bridge}
	for i, end := range []*End{&n.A, &n.B} {
		h, err := g.host(end.Host)
		if err != nil {
			return err
		}
		inner := &End{Name: name + "ab"[i:i+1]}
		if err := g.cable(n.MTU, h, end, middle, inner); err != nil {
			return err
		}
		l.ends[i], l.names[i] = h, end.Name
		if l.ports[i], err = g.wire.handle.LinkByName(inner.Name); err != nil {
			return err
		}
	}
	g.links = append(g.links, l)
	return nil
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
	if err := b.plug(bEnd); err != nil {
		return err
	}
	for _, end := range []struct {
		h    *host
		name string
	}{{a, aEnd.Name}, {b, bEnd.Name}} {
		if err := end.h.carries(end.name); err != nil {
			return err
		}
	}
	return nil
}

// carries waits until the kernel has noticed that an interface has a carrier, before which it sends nothing, nor does a
// bridge to it. That may take it a second (linkwatch), but since Linux 6.8 not when somebody asks about the interface.
func (h *host) carries(name string) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		l, err := h.handle.LinkByName(name)
		if err != nil || l.Attrs().OperState == netlink.OperUp || time.Now().After(deadline) {
			return err
		}
	}
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
