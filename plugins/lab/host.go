package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// A Host is a host of a laboratory as scripts hold it. The zero Host is lab.here: the network of this very process.
type Host struct {
	lab  *Lab
	node *plan.Node
}

// Name is how the others call it.
func (h *Host) Name() string {
	if h.lab == nil {
		return "here"
	}
	return h.node.Name
}

func (h *Host) kind() string {
	if h.lab == nil {
		return plan.Host.String()
	}
	return h.node.Kind.String()
}

func (h *Host) addrs() []string {
	if h.lab == nil {
		return []string{"127.0.0.1", "::1"}
	}
	out := []string{}
	for _, ip := range h.lab.addrs(h.node) {
		out = append(out, ip.String())
	}
	return out
}

// Resolver is the name server that it asks.
func (h *Host) Resolver() string {
	if h.lab == nil {
		return ""
	}
	return h.node.Resolver
}

func (h *Host) String() string {
	text := "Host " + h.Name()
	if h.lab != nil && h.node.Kind != plan.Host {
		text += " (" + h.kind() + ")"
	}
	for _, a := range h.addrs() {
		text += " " + a
	}
	if h.Usable() != nil && h.lab != nil {
		text += " (closed)"
	}
	return text
}

// Usable is asked where the host is an argument.
func (h *Host) Usable() error {
	if h.lab == nil {
		return ownNetwork()
	}
	return h.lab.Usable()
}

// do has the host's network asked or changed.
func (h *Host) do(ctx context.Context, op string, r lab.Request) (lab.Reply, error) {
	if h.lab == nil {
		if err := ownNetwork(); err != nil {
			return lab.Reply{}, lua.Misusef("", "%v", err)
		}
		reply, err := lab.Own(&r)
		return reply, fault(op, h.Name(), err)
	}
	if err := h.lab.ensure(ctx); err != nil {
		return lab.Reply{}, err
	}
	r.Host = h.node.Index
	reply, err := h.lab.process.Do(ctx, r)
	return reply, fault(op, h.Name(), err)
}

// An Interface is a row of interfaces().
type Interface struct {
	Name  string   `lua:"name" help:"as the kernel calls it: eth0, port1, lo"`
	MAC   string   `lua:"mac" help:"its Ethernet address"`
	Addrs []string `lua:"addrs" help:"its IP addresses, with the size of their networks"`
	MTU   int      `lua:"mtu" help:"the most bytes of an IP packet"`
	Up    bool     `lua:"up" help:"whether it is in use"`
}

func (h *Host) interfaces(ctx context.Context) ([]Interface, error) {
	reply, err := h.do(ctx, "interfaces", lab.Request{List: &lab.List{What: "interfaces"}})
	if err != nil {
		return nil, err
	}
	out := []Interface{}
	for _, n := range reply.Interfaces {
		row := Interface{Name: n.Name, MAC: n.MAC, MTU: n.MTU, Up: n.Up, Addrs: []string{}}
		for _, p := range n.Prefixes {
			row.Addrs = append(row.Addrs, p.String())
		}
		out = append(out, row)
	}
	return out, nil
}

// A Route is a row of routes().
type Route struct {
	Dst string `lua:"dst" help:"the network that it leads to, or \"default\""`
	Via string `lua:"via,omitempty" help:"the router; absent for a network that the host is on itself"`
	Dev string `lua:"dev" help:"the interface"`
}

func (h *Host) routes(ctx context.Context) ([]Route, error) {
	reply, err := h.do(ctx, "routes", lab.Request{List: &lab.List{What: "routes"}})
	if err != nil {
		return nil, err
	}
	out := []Route{}
	for _, r := range reply.Routes {
		row := Route{Dst: r.Dst.String(), Dev: r.Dev}
		if r.Dst.Bits() == 0 {
			row.Dst = "default"
		}
		if r.Via.IsValid() {
			row.Via = r.Via.String()
		}
		out = append(out, row)
	}
	return out, nil
}

// A Neighbour is a row of neighbours().
type Neighbour struct {
	IP    string `lua:"ip" help:"the address on the network"`
	MAC   string `lua:"mac,omitempty" help:"the Ethernet address that belongs to it; absent while nobody has answered"`
	State string `lua:"state" help:"REACHABLE, STALE, DELAY, PROBE, INCOMPLETE, FAILED or PERMANENT (ip-neighbour(8))"`
	Dev   string `lua:"dev" help:"the interface"`
}

func (h *Host) neighbours(ctx context.Context) ([]Neighbour, error) {
	reply, err := h.do(ctx, "neighbours", lab.Request{List: &lab.List{What: "neighbours"}})
	if err != nil {
		return nil, err
	}
	out := []Neighbour{}
	for _, n := range reply.Neighbours {
		out = append(out, Neighbour{n.IP.String(), n.MAC, n.State, n.Dev})
	}
	return out, nil
}

func (h *Host) setNeighbour(ctx context.Context, ip, mac string) error {
	addr, err := plainIP(ip)
	if err != nil {
		return err
	}
	if mac != "" {
		hw, err := net.ParseMAC(mac)
		if err != nil || len(hw) != 6 {
			return lua.Misusef("mac", "%.40q is no Ethernet address, as 02:00:00:00:01:00", mac)
		}
		mac = hw.String()
	}
	_, err = h.do(ctx, "set_neighbour", lab.Request{Neighbour: &lab.Neighbour{IP: addr, MAC: mac}})
	return err
}

func plainIP(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return ip, lua.Misusef("ip", "%.40q is no IP address", s)
	}
	return ip.Unmap(), nil
}

// errNotOwn says that lab.here is not there.
var errNotOwn = errors.New("the script has no network of its own here: start it as a FILE without --host, or nsh with --private")
