package lab

import (
	"fmt"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A ground is the hosts and links of one laboratory, as its process has them. Everything about it happens on one thread.
type ground struct {
	wire  *host // the process's own network, in which the middles of links lie
	hosts []*host
	links []*link
	kept  *deposit
	spawn Spawn
	held  atomic.Int64 // bytes of frames on wires
}

// host is a network namespace.
type host struct {
	ns     int // its descriptor; -1 is the network that the process is in anyway
	handle *netlink.Handle
	kind   int
	bridge netlink.Link // of a switch
}

// newGround begins with the process's own network.
func newGround(spawn Spawn) (*ground, error) {
	wire, err := thisNetwork()
	if err != nil {
		return nil, err
	}
	kept, err := newDeposit()
	if err != nil {
		return nil, err
	}
	kept.put(wire.ns)
	return &ground{wire: wire, spawn: spawn, kept: kept}, wire.quiet()
}

// thisNetwork is the network that this thread is in.
func thisNetwork() (*host, error) {
	ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open namespace", err)
	}
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		unix.Close(ns)
		return nil, err
	}
	return &host{ns: ns, handle: handle}, nil
}

// Own is the network that this very process is in, for a script that has one of its own; it does what a laboratory's
// process does for a host.
func Own(r *Request) (Reply, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return Reply{}, err
	}
	defer handle.Close()
	g := &ground{hosts: []*host{{ns: -1, handle: handle}}}
	reply, fd, err := g.do(r)
	if fd >= 0 {
		unix.Close(fd)
	}
	return reply, err
}

// enter moves the thread into the host's network.
func (h *host) enter() error {
	if h.ns < 0 {
		return nil
	}
	return os.NewSyscallError("setns", unix.Setns(h.ns, unix.CLONE_NEWNET))
}

func (g *ground) host(n int) (*host, error) {
	if n < 0 || n >= len(g.hosts) {
		return nil, fmt.Errorf("there is no host %d", n)
	}
	return g.hosts[n], nil
}

// do does what does not start a program.
func (g *ground) do(r *Request) (reply Reply, fd int, err error) {
	fd = -1
	switch {
	case r.NewHost != nil:
		return reply, fd, g.newHost(r.NewHost.Kind)
	case r.NewLink != nil:
		return reply, fd, g.newLink(r.NewLink)
	case r.Cut != nil:
		return reply, fd, g.cut(r.Cut)
	case r.SetShape != nil:
		return reply, fd, g.shape(r.SetShape)
	case r.Count != nil:
		reply.Traffic, err = g.count(r.Count)
		return reply, fd, err
	}
	h, err := g.host(r.Host)
	if err != nil {
		return reply, fd, err
	}
	switch {
	case r.SetRoutes != nil:
		err = h.setRoutes(r.SetRoutes)
	case r.Address != nil:
		err = h.address(r.Address)
	case r.Neighbour != nil:
		err = h.setNeighbour(r.Neighbour)
	case r.List != nil:
		err = h.list(r.List.What, &reply)
	default: // what depends on where the thread is
		if err = h.enter(); err != nil {
			return reply, fd, err
		}
		switch {
		case r.Sysctl != nil:
			reply.Value, err = sysctl(r.Sysctl)
		case r.Socket != nil:
			fd, err = unix.Socket(r.Socket.Family, r.Socket.Type|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, r.Socket.Proto)
		case r.Open != nil:
			fd, err = open(r.Open.Path)
		default:
			err = unix.EBADRQC
		}
		if err != nil {
			fd = -1
		}
	}
	return reply, fd, err
}

// newHost makes a network with nothing in it but a loopback device.
func (g *ground) newHost(kind int) error {
	if len(g.hosts) >= MostHosts {
		return fmt.Errorf("a laboratory has %d hosts at most", MostHosts)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	h, err := thisNetwork()
	if err != nil {
		return err
	}
	h.kind = kind
	g.hosts = append(g.hosts, h)
	g.kept.put(h.ns)
	lo, err := h.handle.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := h.handle.LinkSetUp(lo); err != nil {
		return err
	}
	if kind == Switch {
		return h.becomeSwitch()
	}
	return h.settle()
}

// settle makes a fresh network what a host's is. Where the kernel lets a new one take over what the machine's own says,
// it is said anew, so that a laboratory is the same everywhere; duplicate address detection, which lasts a second, is
// off, since the plan has no duplicates.
func (h *host) settle() error {
	forward := "0"
	if h.kind == Router {
		forward = "1"
	}
	for _, set := range [][2]string{
		{"ipv4/conf/all/forwarding", forward}, {"ipv4/conf/default/forwarding", forward},
		{"ipv4/conf/all/rp_filter", "0"}, {"ipv4/conf/default/rp_filter", "0"},
		{"ipv6/conf/all/forwarding", forward}, {"ipv6/conf/default/forwarding", forward},
		{"ipv6/conf/default/accept_dad", "0"}, {"ipv6/conf/default/dad_transmits", "0"},
		{"ipv6/conf/default/accept_ra", "0"}, {"ipv6/conf/default/router_solicitations", "0"},
		{"ipv4/ping_group_range", fmt.Sprint(unix.Getegid(), unix.Getegid())}, // a new network lets nobody ping
	} {
		if err := write(set[0], set[1]); err != nil {
			return err
		}
	}
	return nil
}

// quiet keeps IPv6 from speaking where no host is.
func (h *host) quiet() error { return write("ipv6/conf/default/disable_ipv6", "1") }

// write writes a sysctl of the thread's network. One of IPv6 may be missing: then there is none.
func write(name, value string) error {
	err := os.WriteFile(path.Join("/proc/sys/net", name), []byte(value), 0)
	if os.IsNotExist(err) && strings.HasPrefix(name, "ipv6/") {
		return nil
	}
	return err
}

// open opens a file of the thread's network.
func open(name string) (int, error) {
	clean := path.Clean(name)
	switch {
	case strings.HasPrefix(clean, "/proc/net/"):
		clean = "/proc/thread-self" + strings.TrimPrefix(clean, "/proc")
	case !strings.HasPrefix(clean, "/proc/sys/net/"):
		return -1, unix.EACCES
	}
	return unix.Open(clean, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
