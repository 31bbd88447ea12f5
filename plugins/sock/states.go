package sock

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// States are numbers of sockets by state, in the kernel's order of the states.
type States struct {
	Established int  `lua:"ESTABLISHED" help:"connected"`
	SynSent     int  `lua:"SYN_SENT" help:"has asked for a connection"`
	SynRecv     int  `lua:"SYN_RECV" help:"was asked for one and has answered: half-open"`
	FinWait1    int  `lua:"FIN_WAIT1" help:"has closed; that is not acknowledged yet"`
	FinWait2    int  `lua:"FIN_WAIT2" help:"has closed; the other end has not"`
	TimeWait    int  `lua:"TIME_WAIT" help:"both have closed, this end first; waits for late packets to die"`
	Close       int  `lua:"CLOSE" help:"bound, not connected"`
	CloseWait   int  `lua:"CLOSE_WAIT" help:"the other end has closed; this one has not"`
	LastAck     int  `lua:"LAST_ACK" help:"both have closed, the other end first; the last acknowledgement is missing"`
	Listen      int  `lua:"LISTEN" help:"waits for connections"`
	Closing     int  `lua:"CLOSING" help:"both have closed at the same time"`
	Partial     bool `lua:"partial,omitempty" help:"true when the kernel's table changed so fast that sockets may be missing"`
}

func newStates(n *netlink.Counts, whole bool) *States {
	return &States{
		n[netlink.Established], n[netlink.SynSent], n[netlink.SynRecv], n[netlink.FinWait1], n[netlink.FinWait2],
		n[netlink.TimeWait], n[netlink.Close], n[netlink.CloseWait], n[netlink.LastAck], n[netlink.Listen],
		n[netlink.Closing], !whole,
	}
}

// A tally counts the sockets that somebody holds who is meant.
type tally struct {
	netlink.Counts
	q    *query
	held holders
}

// Add counts a socket.
func (t *tally) Add(s *netlink.Socket) {
	if t.q.matches(s.Inode, &t.held) {
		t.Counts.Add(s)
	}
}

// states counts the kernel's sockets by state, and keeps none of them.
func states(ctx context.Context, env *lua.Env, f filters) (*States, error) {
	if f.Proto == "unix" {
		rows, err := listUnix(ctx, f.Place(env), &listOptions{filters: f})
		if err != nil {
			return nil, err
		}
		var n netlink.Counts
		for _, r := range rows.Rows {
			n.Add(&r.Socket)
		}
		return newStates(&n, !rows.Partial), nil
	}
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	fd, err := q.open(ctx, f.Place(env))
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	t := &tally{q: q}
	var sink netlink.Sink = &t.Counts
	if !q.plain() {
		sink = t
	}
	whole, err := netlink.Dump(ctx, fd, q.Query, sink)
	if err != nil {
		return nil, lua.NewFault("count sockets", "", err)
	}
	return newStates(&t.Counts, whole), nil
}
