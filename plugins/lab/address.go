package lab

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// addAddress gives a host an address more.
func (h *Host) addAddress(ctx context.Context, ip, dev string) error {
	prefix, sized, err := readAddress(ip)
	if err != nil {
		return err
	}
	nics, err := h.nics(ctx)
	if err != nil {
		return err
	}
	at, size, err := whereTo(nics, prefix.Addr(), dev)
	if err != nil {
		return err
	}
	if !sized {
		prefix = netip.PrefixFrom(prefix.Addr(), size)
	}
	_, err = h.do(ctx, "add_address", lab.Request{Address: &lab.Address{Dev: at, Prefix: prefix}})
	if err == nil {
		h.planned(at, func(all []netip.Prefix) []netip.Prefix { return append(all, prefix) })
	}
	return err
}

// removeAddress takes one away, on whichever interface it is.
func (h *Host) removeAddress(ctx context.Context, ip string) error {
	prefix, sized, err := readAddress(ip)
	if err != nil {
		return err
	}
	nics, err := h.nics(ctx)
	if err != nil {
		return err
	}
	for _, n := range nics {
		for _, p := range n.Prefixes {
			if p.Addr() != prefix.Addr() || sized && p.Bits() != prefix.Bits() {
				continue
			}
			_, err := h.do(ctx, "remove_address", lab.Request{Address: &lab.Address{Dev: n.Name, Prefix: p, Remove: true}})
			if err == nil {
				h.planned(n.Name, func(all []netip.Prefix) []netip.Prefix {
					return slices.DeleteFunc(all, func(q netip.Prefix) bool { return q == p })
				})
			}
			return err
		}
	}
	return fault("remove_address", h.Name(), &lab.Refusal{Errno: unix.EADDRNOTAVAIL, Text: "it has no address " + ip})
}

// readAddress reads "ip" or "ip/bits".
func readAddress(s string) (p netip.Prefix, sized bool, err error) {
	if !strings.Contains(s, "/") {
		ip, err := plainIP(s)
		if err != nil {
			return p, false, err
		}
		return netip.PrefixFrom(ip, ip.BitLen()), false, nil
	}
	p, err = netip.ParsePrefix(s)
	if err != nil {
		return p, true, lua.Misusef("ip", "%.40q is no IP address, as 10.0.1.9 or 10.0.1.9/24", s)
	}
	return p, true, nil
}

func (h *Host) nics(ctx context.Context) ([]lab.NIC, error) {
	reply, err := h.do(ctx, "interfaces", lab.Request{List: &lab.List{What: "interfaces"}})
	return reply.Interfaces, err
}

// whereTo is the interface for a new address, and the size of the network that it is in: the one that was named, or the
// one on that network, or the first.
func whereTo(nics []lab.NIC, ip netip.Addr, dev string) (name string, size int, err error) {
	size = ip.BitLen()
	var names []string
	for _, n := range nics {
		names = append(names, n.Name)
		if dev != "" && n.Name != dev {
			continue
		}
		if name == "" {
			name = n.Name
		}
		for _, p := range n.Prefixes {
			if p.Masked().Contains(ip) {
				return n.Name, p.Bits(), nil
			}
		}
	}
	if name == "" {
		if near := lua.Nearest(dev, names); near != "" {
			return "", 0, lua.Misusef("interface", "%.40q unknown, did you mean '%s'?", dev, near)
		}
		return "", 0, lua.Misusef("interface", "%.40q unknown; there are: %s", dev, strings.Join(names, ", "))
	}
	return name, size, nil
}

// planned keeps the plan's account of a host's addresses.
func (h *Host) planned(dev string, change func([]netip.Prefix) []netip.Prefix) {
	if h.lab == nil {
		return
	}
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	for _, i := range h.node.Interfaces {
		if i.Name == dev {
			i.Prefixes = change(i.Prefixes)
		}
	}
}
