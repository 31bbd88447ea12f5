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

// A Row is one socket. What scripts see of it is made when they touch it.
type Row struct {
	netlink.Socket
	udp  bool
	held *holders
}

// list reads the kernel's sockets.
func list(ctx context.Context, env *lua.Env, f filters) (*Sockets, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	found, whole, held, err := find(ctx, f.Place(env), q)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(found)) // one allocation for all
	out := &Sockets{Rows: make([]*Row, len(found)), Partial: !whole}
	for i := range found {
		rows[i] = Row{Socket: found[i], udp: q.Protocol == unix.IPPROTO_UDP, held: held}
		out.Rows[i] = &rows[i]
	}
	return out, nil
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
	if r.Family == unix.AF_INET6 {
		return "ipv6"
	}
	return "ipv4"
}

func (r *Row) proto() string {
	if r.udp {
		return "udp"
	}
	return "tcp"
}

// pid is that of the holder with the lowest number, nil when nobody has the socket any more (TIME_WAIT, an orphan) or
// nobody that this user may look at.
func (r *Row) pid() *int {
	if list := r.held.of(r.Inode); len(list) > 0 {
		return &list[0].PID
	}
	return nil
}

func (r *Row) process() *string {
	if list := r.held.of(r.Inode); len(list) > 0 {
		return &list[0].Process
	}
	return nil
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
			{Name: "local_addr", Doc: "its own address, \"ip:port\"", Get: func(r *Row) string { return address(r.Local()) }},
			{Name: "peer_addr", Doc: "the other end's address; \"0.0.0.0:*\" when there is none", Get: func(r *Row) string { return address(r.Peer()) }},
			{Name: "process", Doc: "name of that process, or nil", Get: (*Row).process},
			{Name: "pid", Doc: "lowest pid of those that hold it, or nil", Get: (*Row).pid},
			{Name: "timer", Doc: "{name = \"on\" | \"keepalive\" | \"timewait\" | \"persist\", seconds, retries}, or nil", Get: (*Row).timer},
			{Name: "uid", Doc: "user id of its owner", Get: func(r *Row) uint32 { return r.UID }},
			{Name: "inode", Doc: "its inode as a string, \"0\" once no process has it", Get: func(r *Row) string { return strconv.FormatUint(uint64(r.Inode), 10) }},
			{Name: "family", Doc: "\"ipv4\" or \"ipv6\"", Get: (*Row).family},
			{Name: "proto", Doc: "\"tcp\" or \"udp\"", Get: (*Row).proto},
			{Name: "cookie", Doc: "its name among all sockets of this boot, as a string", Get: func(r *Row) string { return strconv.FormatUint(r.Cookie(), 10) }},
		},
	}
}
