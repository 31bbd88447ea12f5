package sock

import (
	"context"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// Sockets are a list of rows. Partial marks a list that the kernel did not give in one piece, five times in a row: its
// table changed too fast.
type Sockets struct {
	Rows    []*Row `lua:",list" help:"a Socket"`
	Partial bool   `lua:"partial,omitempty" help:"true when the kernel's table changed so fast that rows may be missing"`
}

type listOptions struct {
	filters
	Info bool `lua:"info" help:"ask for memory, congestion control and TCP_INFO of each socket, too: about a third of the speed"`
}

// list reads the kernel's sockets.
func list(ctx context.Context, env *lua.Env, o listOptions) (*Sockets, error) {
	place := o.Place(env)
	if o.Proto == "unix" {
		return listUnix(ctx, place, &o)
	}
	q, err := o.query()
	if err != nil {
		return nil, err
	}
	q.Details = o.Info
	c := &collector{of: &listing{proto: o.Proto}}
	if !q.plain() {
		c.keep = func(s *netlink.Socket) bool { return q.matches(s.Inode, &c.of.held) }
	}
	whole, err := q.dump(ctx, place, c)
	if err != nil {
		return nil, err
	}
	return &Sockets{Rows: c.rows, Partial: !whole}, nil
}

// A timer is what the socket waits for.
type timer struct {
	Name    string  `lua:"name"`
	Seconds float64 `lua:"seconds"`
	Retries int     `lua:"retries"`
}

func (r *Row) timer() *timer {
	if r.Timer == 0 {
		return nil
	}
	return &timer{r.Timer.String(), r.TimeLeft().Seconds(), int(r.Retrans)}
}

func (r *Row) family() string {
	if r.asUnix() != nil {
		return "unix"
	}
	if r.Family == unix.AF_INET6 {
		return "ipv6"
	}
	return "ipv4"
}

// pid is that of the holder with the lowest number, nil when nobody has the socket any more (TIME_WAIT, an orphan) or
// nobody that this user may look at.
func (r *Row) pid() *int {
	if list := r.of().held.of(r.Inode); len(list) > 0 {
		return &list[0].PID
	}
	return nil
}

func (r *Row) process() *string {
	if list := r.of().held.of(r.Inode); len(list) > 0 {
		return &list[0].Process
	}
	return nil
}

func (r *Row) local() string {
	if u := r.asUnix(); u != nil {
		return r.unixAddr(u.Inode)
	}
	return address(r.Local())
}

func (r *Row) peer() string {
	if u := r.asUnix(); u != nil {
		return r.unixAddr(u.Peer)
	}
	return address(r.Peer())
}

// name is its cookie, which may not fit into a number of Lua's.
func (r *Row) name() string {
	cookie := r.Cookie()
	if u := r.asUnix(); u != nil {
		cookie = u.Cookie()
	}
	return strconv.FormatUint(cookie, 10)
}

// address shows an end as ss(8) does: a port that is not there is a star.
func address(a netip.AddrPort) string {
	if a.Port() != 0 {
		return a.String()
	}
	if a.Addr().Is6() {
		return "[" + a.Addr().String() + "]:*"
	}
	return a.Addr().String() + ":*"
}

func rowType() lua.Type {
	return lua.Type{
		Name: "Socket", Of: (*Row)(nil),
		Doc: "A socket as the kernel had it when it was listed. For a LISTEN row recv_q is how many connections wait to be accepted, and send_q how many may.",
		Fields: []lua.Field{
			{Name: "state", Doc: "the kernel's name of its state", Get: func(r *Row) string { return r.State.String() }},
			{Name: "recv_q", Doc: "bytes that wait to be read", Get: func(r *Row) uint32 { return r.RQueue }},
			{Name: "send_q", Doc: "bytes that the peer has not acknowledged", Get: func(r *Row) uint32 { return r.WQueue }},
			{Name: "local_addr", Doc: "its own address, \"ip:port\"", Get: (*Row).local},
			{Name: "peer_addr", Doc: "the other end's address; \"0.0.0.0:*\" when there is none", Get: (*Row).peer},
			{Name: "process", Doc: "name of that process, or nil", Get: (*Row).process},
			{Name: "pid", Doc: "lowest pid of those that hold it, or nil", Get: (*Row).pid},
			{Name: "timer", Doc: "{name = \"on\" | \"keepalive\" | \"timewait\" | \"persist\", seconds, retries}, or nil", Get: (*Row).timer},
			{Name: "uid", Doc: "user id of its owner", Get: func(r *Row) uint32 { return r.UID }},
			{Name: "inode", Doc: "its inode as a string, \"0\" once no process has it", Get: func(r *Row) string { return strconv.FormatUint(uint64(r.Inode), 10) }},
			{Name: "family", Doc: "\"ipv4\", \"ipv6\" or \"unix\"", Get: (*Row).family},
			{Name: "proto", Doc: "\"tcp\", \"udp\" or \"unix\"", Get: func(r *Row) string { return r.of().proto }},
			{Name: "cookie", Doc: "its name among all sockets of this boot, as a string", Get: (*Row).name},
			{Name: "type", Doc: "of a unix socket: \"stream\", \"dgram\" or \"seqpacket\"", Get: (*Row).unixType},
			{Name: "memory", Doc: "bytes that its buffers take: {rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops}; with info = true, else nil", Get: (*Row).memory},
			{Name: "congestion", Doc: "name of its congestion control; with info = true, else nil", Get: (*Row).congestion},
			{Name: "info", Doc: "its TCP_INFO, as sock.info has it; with info = true, else nil", Get: (*Row).info},
		},
	}
}
