package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (h *host) address(a *Address) error {
	l, err := h.handle.LinkByName(a.Dev)
	if err != nil {
		return err
	}
	if a.Remove {
		return h.handle.AddrDel(l, addr(a.Prefix))
	}
	return h.handle.AddrAdd(l, addr(a.Prefix))
}

func (h *host) setRoutes(s *SetRoutes) error {
	for _, r := range s.Del {
		if err := h.handle.RouteDel(route(r)); err != nil && err != unix.ESRCH { // gone with its interface, or by hand
			return fmt.Errorf("removing the route to %s: %w", r.Dst, err)
		}
	}
	for _, r := range s.Add {
		if err := h.handle.RouteAdd(route(r)); err != nil {
			return fmt.Errorf("a route to %s via %s: %w", r.Dst, r.Via, err)
		}
	}
	return nil
}

func route(r Route) *netlink.Route {
	return &netlink.Route{Dst: ipNet(r.Dst), Gw: r.Via.AsSlice()}
}

// setNeighbour puts a permanent entry on the interface whose network the address is in.
func (h *host) setNeighbour(n *Neighbour) error {
	index, err := h.onLink(n.IP)
	if err != nil {
		return err
	}
	entry := &netlink.Neigh{LinkIndex: index, IP: n.IP.AsSlice(), Family: family(n.IP), State: unix.NUD_PERMANENT}
	if n.MAC == "" {
		entry.State = 0
		return h.handle.NeighDel(entry)
	}
	if entry.HardwareAddr, err = mac(n.MAC); err != nil {
		return err
	}
	return h.handle.NeighSet(entry)
}

func family(ip netip.Addr) int {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// onLink is the interface whose network an address is in.
func (h *host) onLink(ip netip.Addr) (index int, err error) {
	addrs, err := h.handle.AddrList(nil, family(ip))
	if err != nil {
		return 0, err
	}
	for _, a := range addrs {
		if p, ok := prefix(&a); ok && p.Masked().Contains(ip) {
			return a.LinkIndex, nil
		}
	}
	return 0, &Refusal{Errno: unix.ENETUNREACH, Text: fmt.Sprintf("%s is on none of the host's links", ip)}
}

func prefix(a *netlink.Addr) (netip.Prefix, bool) {
	ip, ok := netip.AddrFromSlice(a.IP)
	bits, _ := a.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits), ok
}

// list reads what the kernel has. Interfaces are in the kernel's order, but the loopback device comes last.
func (h *host) list(what string, reply *Reply) error {
	links, err := h.handle.LinkList()
	if err != nil {
		return err
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	switch what {
	case "interfaces":
		reply.Interfaces, err = h.interfaces(links)
	case "routes":
		reply.Routes, err = h.routes(names)
	case "neighbours":
		reply.Neighbours, err = h.neighbours(names)
	default:
		err = unix.EBADRQC
	}
	return err
}

func (h *host) interfaces(links []netlink.Link) ([]NIC, error) {
	addrs, err := h.handle.AddrList(nil, unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	var first, last []NIC
	for _, l := range links {
		at := l.Attrs()
		n := NIC{Name: at.Name, MAC: at.HardwareAddr.String(), MTU: at.MTU, Up: at.RawFlags&unix.IFF_UP != 0}
		for i := range addrs {
			if p, ok := prefix(&addrs[i]); ok && addrs[i].LinkIndex == at.Index {
				n.Prefixes = append(n.Prefixes, p)
			}
		}
		if at.RawFlags&unix.IFF_LOOPBACK != 0 {
			last = append(last, n)
		} else {
			first = append(first, n)
		}
	}
	return append(first, last...), nil
}

// routes are those of the main table that lead somewhere: the local and broadcast ones are the kernel's own business.
func (h *host) routes(names map[int]string) ([]Route, error) {
	var out []Route
	for _, fam := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := h.handle.RouteList(nil, fam)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if r.Type != unix.RTN_UNICAST || r.Table != unix.RT_TABLE_MAIN {
				continue
			}
			row := Route{Dev: names[r.LinkIndex]}
			row.Via, _ = netip.AddrFromSlice(r.Gw)
			row.Source, _ = netip.AddrFromSlice(r.Src)
			row.Via, row.Source = row.Via.Unmap(), row.Source.Unmap()
			if ones, ok := destination(&r, fam); ok {
				row.Dst = ones
				out = append(out, row)
			}
		}
	}
	return out, nil
}

func destination(r *netlink.Route, fam int) (netip.Prefix, bool) {
	if r.Dst == nil || len(r.Dst.IP) == 0 {
		if fam == unix.AF_INET {
			return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	}
	ip, ok := netip.AddrFromSlice(r.Dst.IP)
	bits, _ := r.Dst.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits), ok
}

func (h *host) neighbours(names map[int]string) ([]NeighbourOf, error) {
	var out []NeighbourOf
	for _, fam := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := h.handle.NeighList(0, fam)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			ip, ok := netip.AddrFromSlice(n.IP)
			if !ok || n.State == unix.NUD_NOARP || n.State == 0 { // multicast, loopback: there is nothing to find out
				continue
			}
			out = append(out, NeighbourOf{IP: ip.Unmap(), MAC: n.HardwareAddr.String(), State: neighbourState(n.State), Dev: names[n.LinkIndex]})
		}
	}
	return out, nil
}

// neighbourState is a state's name as ip-neighbour(8) shows it.
func neighbourState(state int) string {
	for _, s := range []struct {
		bit  int
		name string
	}{
		{unix.NUD_INCOMPLETE, "INCOMPLETE"}, {unix.NUD_REACHABLE, "REACHABLE"}, {unix.NUD_STALE, "STALE"},
		{unix.NUD_DELAY, "DELAY"}, {unix.NUD_PROBE, "PROBE"}, {unix.NUD_FAILED, "FAILED"}, {unix.NUD_PERMANENT, "PERMANENT"},
	} {
		if state&s.bit != 0 {
			return s.name
		}
	}
	return fmt.Sprintf("state %d", state)
}
