package sock

import (
	"context"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// Memory is what a socket's buffers take, by the kernel's names (enum sk_meminfo_vars, linux/sock_diag.h).
type Memory struct {
	RmemAlloc  uint32 `lua:"rmem_alloc" help:"bytes taken by what was received"`
	Rcvbuf     uint32 `lua:"rcvbuf" help:"bytes that may be: SO_RCVBUF"`
	WmemAlloc  uint32 `lua:"wmem_alloc" help:"bytes taken by what is on its way out"`
	Sndbuf     uint32 `lua:"sndbuf" help:"bytes that may be: SO_SNDBUF"`
	FwdAlloc   uint32 `lua:"fwd_alloc" help:"bytes set aside and not used yet"`
	WmemQueued uint32 `lua:"wmem_queued" help:"bytes taken by what waits to be sent or acknowledged"`
	Optmem     uint32 `lua:"optmem" help:"bytes of options"`
	Backlog    uint32 `lua:"backlog" help:"bytes that came while the socket was in use"`
	Drops      uint32 `lua:"drops" help:"packets dropped"`
}

func (r *Row) memory() *Memory {
	d := r.details()
	if d == nil || d.Memory == nil {
		return nil
	}
	m := Memory(*d.Memory)
	return &m
}

func (r *Row) congestion() *string {
	if d := r.details(); d != nil && d.Congestion != "" {
		return &d.Congestion
	}
	return nil
}

// info copies as much of struct tcp_info as this kernel has and nsh knows.
func (r *Row) info() *plugins.TCPInfo {
	d := r.details()
	if d == nil || len(d.Info) == 0 {
		return nil
	}
	var raw unix.TCPInfo
	copy((*[unix.SizeofTCPInfo]byte)(unsafe.Pointer(&raw))[:], d.Info)
	return plugins.NewTCPInfo(&raw)
}

func (r *Row) unixType() *string {
	u := r.asUnix()
	if u == nil {
		return nil
	}
	name := u.TypeName()
	return &name
}

// unixAddr is a unix socket's name, or "*" for one that has none.
func (r *Row) unixAddr(inode uint32) string {
	if name := r.of().names[inode]; name != "" {
		return "unix:" + name
	}
	return "unix:*"
}

// listUnix reads the kernel's unix sockets.
func listUnix(ctx context.Context, place engines.Place, o *listOptions) (*Sockets, error) {
	for name, given := range map[string]bool{"port": o.Port != 0, "local_port": o.LocalPort != 0, "peer_port": o.PeerPort != 0,
		"address": o.Address != "", "family": o.Family != "", "interface": o.Interface != "", "info": o.Info} {
		if given {
			return nil, lua.Misusef(name, "unix sockets have none")
		}
	}
	q, err := o.query()
	if err != nil {
		return nil, err
	}
	fd, err := diag(ctx, place)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	all, whole, err := netlink.UnixSockets(ctx, fd, 0)
	if err != nil {
		return nil, lua.NewFault("list sockets", "", err)
	}
	c := &collector{of: &listing{proto: "unix", names: map[uint32]string{}}, rows: []*Row{}}
	for i := range all {
		s := &all[i]
		c.of.names[s.Inode] = s.Name
		if q.States.Has(s.State) && q.matches(s.Inode, &c.of.held) {
			r := c.next()
			r.have(&extra{unix: s}, c.size)
			r.State, r.RQueue, r.WQueue, r.Inode, r.UID = s.State, s.RQueue, s.WQueue, s.Inode, s.UID
		}
	}
	return &Sockets{Rows: c.rows, Partial: !whole}, nil
}
