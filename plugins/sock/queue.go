package sock

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// A Queue is a listener's accept queue, and what waits before it.
type Queue struct {
	Addr      string `lua:"addr" help:"where it listens, \"ip:port\""`
	Len       int    `lua:"len" help:"connections that wait to be accepted"`
	Limit     int    `lua:"limit" help:"how many may wait: listen's backlog or somaxconn, the smaller; the queue takes one more"`
	SynRecv   int    `lua:"syn_recv" help:"half-open connections to its address"`
	Overflows int64  `lua:"overflows" help:"SYNs and ACKs dropped because an accept queue was full, in the whole network: TcpExt.ListenOverflows"`
	Drops     int64  `lua:"drops" help:"segments that this listener has dropped: SYNs and ACKs for which it had no room (its share of TcpExt.ListenDrops), and with TCP_DEFER_ACCEPT ACKs without data; where the kernel does not tell, the whole network's TcpExt.ListenDrops"`
	Scope     string `lua:"scope" help:"whose overflows and drops these are: \"namespace/listener\", or \"namespace\" for both"`
}

// Queues are a list of them, fullest first.
type Queues struct {
	Rows    []Queue `lua:",list" help:"a Queue"`
	Partial bool    `lua:"partial,omitempty" help:"true when the kernel's table changed so fast that listeners may be missing"`
}

// queue is the listeners of a port: several, where they have different addresses or share one by SO_REUSEPORT.
func queue(ctx context.Context, env *lua.Env, port int, o where) (*Queues, error) {
	if port < 1 || port > 65535 {
		return nil, lua.Misusef("port", "must be from 1 to 65535, got %d", port)
	}
	return readQueues(ctx, o.Place(env), uint16(port))
}

// queues is every listener.
func queues(ctx context.Context, env *lua.Env, o where) (*Queues, error) {
	return readQueues(ctx, o.Place(env), 0)
}

func readQueues(ctx context.Context, place engines.Place, port uint16) (*Queues, error) {
	fd, err := diag(ctx, place)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	rows, whole, err := netlink.Append(ctx, fd, netlink.Query{
		LocalPort: port, States: netlink.Set(netlink.Listen, netlink.SynRecv), Drops: true,
	}, nil)
	if err != nil {
		return nil, lua.NewFault("list sockets", "", err)
	}
	// Read after the rows: a drop that a row has is in the network's sum, too.
	text, err := slurp(place, "/proc/net/netstat")
	all := snapshot{}
	if err == nil {
		err = all.addTables(text)
	}
	if err != nil {
		return nil, lua.NewFault("read counters", "/proc/net/netstat", err)
	}
	out := &Queues{Rows: []Queue{}, Partial: !whole}
	half := halfOpen(rows)
	for i := range rows {
		if rows[i].State == netlink.Listen {
			out.Rows = append(out.Rows, newQueue(&rows[i], half, all["TcpExt"]))
		}
	}
	slices.SortStableFunc(out.Rows, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(b.fullness(), a.fullness()), cmp.Compare(b.Drops, a.Drops), cmp.Compare(a.Addr, b.Addr))
	})
	return out, nil
}

// newQueue takes drops from the listener's own row. Overflows it has not: the kernel counts those for the network only.
func newQueue(s *netlink.Socket, half map[netip.AddrPort]int, ext map[string]int64) Queue {
	q := Queue{
		Addr: address(s.Local()), Len: int(s.RQueue), Limit: int(s.WQueue), SynRecv: half[s.Local()],
		Overflows: ext["ListenOverflows"], Drops: ext["ListenDrops"], Scope: "namespace",
	}
	if n, told := s.Drops(); told {
		q.Drops, q.Scope = int64(n), "namespace/listener"
	}
	return q
}

// fullness is the part of the queue that is taken. It has room for one more than its limit: the kernel drops when the
// length is greater (sk_acceptq_is_full).
func (q *Queue) fullness() float64 { return float64(q.Len) / float64(q.Limit+1) }

// halfOpen counts the half-open connections of each listener's address.
func halfOpen(rows []netlink.Socket) map[netip.AddrPort]int {
	listens := map[netip.AddrPort]bool{}
	for i := range rows {
		if rows[i].State == netlink.Listen {
			listens[rows[i].Local()] = true
		}
	}
	n := map[netip.AddrPort]int{}
	for i := range rows {
		if rows[i].State == netlink.SynRecv {
			n[listenerOf(rows[i].Local(), rows[i].Family, listens)]++
		}
	}
	return n
}

// listenerOf is the address of the listener that a half-open connection belongs to, which its row does not say: exactly
// the connection's, else any address of its family, else IPv6's any address, which may take IPv4, too.
func listenerOf(local netip.AddrPort, family uint8, listens map[netip.AddrPort]bool) netip.AddrPort {
	any4 := netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
	switch {
	case listens[local]:
		return local
	case family == unix.AF_INET && listens[any4]:
		return any4
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())
}
