package netlink

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ss(8) of iproute2 reads the same table with code of its own: what it says about the sockets that this test makes has
// to be what nsh says.
func TestAgainstSS(t *testing.T) {
	ss, err := exec.LookPath("ss")
	if err != nil {
		t.Skip("ss (iproute2) is not installed: nothing to compare with")
	}
	families(t, func(t *testing.T, b bench) {
		fd := diagSocket(t)
		ports := map[uint16]bool{}
		for _, m := range everyState(b) {
			await(t, fd, m.query(), m.want)
			ports[m.local], ports[m.peer] = true, true // 0 is a listener's peer
		}
		// A client's port may be in use at the same time for another server: both ends have to be this test's.
		ours := func(a, b netip.AddrPort) bool { return ports[a.Port()] && ports[b.Port()] }
		// Queues are left out: a probe of a full window moves them between the two readings.
		var mine []string
		rows, whole, err := Append(within(t), fd, Query{}, nil)
		if err != nil || !whole {
			t.Fatalf("dump: whole %v, %v", whole, err)
		}
		for _, row := range rows {
			if ours(row.Local(), row.Peer()) {
				mine = append(mine, fmt.Sprintf("%v %v %v", row.State, row.Local(), row.Peer()))
			}
		}
		out, err := exec.Command(ss, "-tanH").Output()
		if err != nil {
			t.Fatalf("ss: %v", err)
		}
		var theirs []string
		for line := range strings.Lines(string(out)) {
			state, local, peer, err := ssRow(line)
			if err != nil {
				t.Fatalf("ss said %q: %v", line, err)
			}
			if ours(local.AddrPort, peer.AddrPort) {
				theirs = append(theirs, fmt.Sprintf("%v %v %v", state, local, peer))
			}
		}
		slices.Sort(mine)
		slices.Sort(theirs)
		if !slices.Equal(mine, theirs) {
			t.Errorf("nsh:\n%s\nss:\n%s", strings.Join(mine, "\n"), strings.Join(theirs, "\n"))
		}
		if len(mine) < len(ports) {
			t.Errorf("only %d rows for %d ports", len(mine), len(ports))
		}
	})
}

func ssRow(line string) (state, local, peer addrPortOrState, err error) {
	f := strings.Fields(line)
	if len(f) < 5 {
		return state, local, peer, fmt.Errorf("%d columns", len(f))
	}
	state.name = map[string]string{
		"ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV", "FIN-WAIT-1": "FIN_WAIT1",
		"FIN-WAIT-2": "FIN_WAIT2", "TIME-WAIT": "TIME_WAIT", "UNCONN": "CLOSE", "CLOSE-WAIT": "CLOSE_WAIT",
		"LAST-ACK": "LAST_ACK", "LISTEN": "LISTEN", "CLOSING": "CLOSING",
	}[f[0]]
	if local.AddrPort, err = ssAddr(f[3]); err == nil {
		peer.AddrPort, err = ssAddr(f[4])
	}
	return state, local, peer, err
}

type addrPortOrState struct {
	name string
	netip.AddrPort
}

func (a addrPortOrState) String() string {
	if a.name != "" {
		return a.name
	}
	return a.AddrPort.String()
}

// ssAddr reads "127.0.0.1:80", "[::1]:80", "0.0.0.0:*", "*:80", "127.0.0.1%lo:53".
func ssAddr(s string) (netip.AddrPort, error) {
	s = strings.TrimSuffix(s, ":*") + map[bool]string{true: ":0"}[strings.HasSuffix(s, ":*")]
	if rest, ok := strings.CutPrefix(s, "*:"); ok {
		s = "[::]:" + rest
	}
	if at := strings.IndexByte(s, '%'); at >= 0 {
		s = s[:at] + s[strings.LastIndexByte(s, ':'):]
	}
	a, err := netip.ParseAddrPort(s)
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), err
}

// A hundred thousand sockets are the size at which people stop using ss; a few thousand show the cost of one.
func BenchmarkDump(b *testing.B) {
	const n = 2000
	be := bench{b, unix.AF_INET, netip.MustParseAddr("127.0.0.1")}
	ln, port := be.listen(16)
	for range n {
		be.pair(ln, port)
	}
	fd := diagSocket(b)
	ctx := within(b)
	b.Run("rows", func(b *testing.B) {
		b.ReportAllocs()
		var rows []Socket
		for b.Loop() {
			rows, _, _ = Append(ctx, fd, Query{}, rows[:0])
		}
		b.ReportMetric(float64(len(rows)), "sockets")
	})
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Count(ctx, fd, Query{})
		}
	})
	b.Run("one port", func(b *testing.B) {
		for b.Loop() {
			Count(ctx, fd, Query{Port: port, States: Set(Listen)})
		}
	})
}
