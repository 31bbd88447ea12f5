package sock

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua/show"
)

// What the meanings say is what this kernel counts: each act moves the counters that it should, by exactly so much, in
// a network where nothing else goes on.
func TestWhatCountersCount(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(n *network)
		want map[string]int64
	}{
		"a connection": {func(n *network) {
			ln, port := n.listen(8, 0)
			n.connect(port)
			n.accept(ln)
		}, map[string]int64{"Tcp.ActiveOpens": 1, "Tcp.PassiveOpens": 1, "Tcp.CurrEstab": 2, "Tcp.InSegs": 3, "Tcp.OutSegs": 3, "Tcp.OutRsts": 0}},
		"a closed port": {func(n *network) { n.connect(1) },
			map[string]int64{"Tcp.ActiveOpens": 1, "Tcp.OutRsts": 1, "Tcp.AttemptFails": 1, "Tcp.EstabResets": 0, "Tcp.PassiveOpens": 0}},
		"a full accept queue": {func(n *network) {
			_, port := n.listen(2, 0)
			for range 8 {
				n.connect(port)
			}
		}, map[string]int64{"TcpExt.ListenOverflows": 5, "TcpExt.ListenDrops": 5, "Tcp.PassiveOpens": 3, "TcpExt.TCPReqQFullDrop": 0}},
		"a full SYN queue without cookies": {func(n *network) {
			n.set("ipv4/tcp_syncookies", 0)
			_, port := n.listen(2, 30)
			for range 8 {
				n.connect(port)
			}
		}, map[string]int64{"TcpExt.TCPReqQFullDrop": 5, "TcpExt.ListenDrops": 5, "TcpExt.ListenOverflows": 0, "Tcp.PassiveOpens": 0, "TcpExt.TCPDeferAcceptDrop": 3}},
		"a full SYN queue with cookies": {func(n *network) {
			n.set("ipv4/tcp_syncookies", 1)
			_, port := n.listen(2, 30)
			for range 5 {
				n.connect(port)
			}
		}, map[string]int64{"TcpExt.TCPReqQFullDoCookies": 2, "TcpExt.SyncookiesSent": 2, "TcpExt.SyncookiesRecv": 2, "TcpExt.TCPReqQFullDrop": 0}},
		"an abortive close": {func(n *network) {
			ln, port := n.listen(8, 0)
			c := n.connect(port)
			n.accept(ln)
			unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Shutdown(c, unix.SHUT_RD)
			n.reset(c)
		}, map[string]int64{"TcpExt.TCPAbortOnData": 1, "Tcp.OutRsts": 1, "Tcp.EstabResets": 2, "TcpExt.TCPAbortOnClose": 0, "Tcp.CurrEstab": 0}},
		"a close with unread data": {func(n *network) {
			ln, port := n.listen(8, 0)
			c := n.connect(port)
			s := n.accept(ln)
			unix.Write(c, []byte("nobody reads this"))
			n.await(s, unix.POLLIN)
			n.reset(s)
		}, map[string]int64{"TcpExt.TCPAbortOnClose": 1, "TcpExt.TCPAbortOnData": 0, "Tcp.OutRsts": 1, "Tcp.EstabResets": 2}},
		"too many in TIME_WAIT": {func(n *network) {
			n.set("ipv4/tcp_max_tw_buckets", 1)
			ln, port := n.listen(8, 0)
			for range 4 {
				c := n.connect(port)
				s := n.accept(ln)
				unix.Shutdown(s, unix.SHUT_WR)
				n.await(c, unix.POLLIN)
				unix.Shutdown(c, unix.SHUT_WR)
				n.await(s, unix.POLLHUP)
			}
		}, map[string]int64{"TcpExt.TCPTimeWaitOverflow": 3, "TcpExt.TW": 1, "Tcp.EstabResets": 0}},
		"a connect over TIME_WAIT": {func(n *network) {
			n.set("ipv4/tcp_tw_reuse", 1)
			n.set("ipv4/tcp_tw_reuse_delay", 1)
			ln, port := n.listen(8, 0)
			c := n.connectFrom(loopback(0), port)
			from, err := unix.Getsockname(c)
			if err != nil {
				n.tb.Fatal(err)
			}
			s := n.accept(ln)
			unix.Shutdown(c, unix.SHUT_WR)
			n.await(s, unix.POLLIN)
			n.reset(s)
			n.reset(c)
			n.awaitCount("TcpExt", "TW", 1)
			time.Sleep(3 * time.Millisecond) // what tcp_tw_reuse_delay asks for, and more
			n.connectFrom(from, port)
			n.accept(ln)
		}, map[string]int64{"TcpExt.TW": 1, "TcpExt.TWRecycled": 1, "Tcp.ActiveOpens": 2, "Tcp.PassiveOpens": 2}},
		"a datagram to nobody": {func(n *network) {
			unix.Sendto(n.socket(unix.SOCK_DGRAM), []byte("x"), 0, loopback(1))
		}, map[string]int64{"Udp.NoPorts": 1, "Udp.OutDatagrams": 1, "Udp.InDatagrams": 0, "Icmp.OutDestUnreachs": 1, "Icmp.InDestUnreachs": 1, "IcmpMsg.OutType3": 1}},
		"a small receive buffer": {func(n *network) {
			s, c := n.socket(unix.SOCK_DGRAM), n.socket(unix.SOCK_DGRAM)
			unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
			unix.Bind(s, loopback(9))
			for range 20 {
				unix.Sendto(c, make([]byte, 1000), 0, loopback(9))
			}
			unix.Read(s, make([]byte, 1000))
		}, map[string]int64{"Udp.OutDatagrams": 20, "Udp.RcvbufErrors": 19, "Udp.InErrors": 19, "Udp.InDatagrams": 1}},
		"a SYN that nobody answers": {func(n *network) {
			_, port := n.listen(0, 0)
			n.connect(port)
			c := n.connect(port) // dropped, and sent again after a second
			n.awaitCount("TcpExt", "TCPSynRetrans", 1)
			unix.Close(c)
		}, map[string]int64{"TcpExt.TCPSynRetrans": 1, "Tcp.RetransSegs": 1, "TcpExt.TCPTimeouts": 1, "TcpExt.ListenOverflows": 2}},
		"a window that closes": {func(n *network) {
			ln, port := n.listen(8, 0)
			c := n.connect(port)
			n.accept(ln)
			for unixWrites(c) {
			}
			n.awaitCount("TcpExt", "TCPToZeroWindowAdv", 1)
		}, map[string]int64{"TcpExt.TCPToZeroWindowAdv": 1, "TcpExt.TCPFromZeroWindowAdv": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			before := n.counters()
			c.act(n)
			wrong := "nothing read"
			// What is on its way when the act returns arrives soon, even where a busy machine puts softirqs off.
			for give := time.Now().Add(2 * time.Second); wrong != "" && time.Now().Before(give); time.Sleep(time.Millisecond) {
				wrong = different(n.counters().since(before), c.want)
			}
			if wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// different says which changes are not as wanted.
func different(change snapshot, wanted map[string]int64) string {
	var out strings.Builder
	for full, want := range wanted {
		group, name, _ := strings.Cut(full, ".")
		if got, ok := change[group][name]; !ok || got != want {
			fmt.Fprintf(&out, "%s %+d (there: %v), wanted %+d\n", full, got, ok, want)
		}
		if meaningOf(group, name) == "" {
			fmt.Fprintf(&out, "%s has no meaning\n", full)
		}
	}
	return out.String()
}

func unixWrites(fd int) bool {
	_, err := unix.Write(fd, make([]byte, 64<<10))
	return err == nil
}

func (n *network) connectFrom(from unix.Sockaddr, port int) int {
	n.tb.Helper()
	fd := n.socket(unix.SOCK_STREAM)
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, loopback(port))
	}
	if err != nil && err != unix.EINPROGRESS {
		n.tb.Fatal(err)
	}
	return fd
}

func (n *network) counters() snapshot {
	n.tb.Helper()
	s, err := readCounters(context.Background(), n)
	if err != nil {
		n.tb.Fatal(err)
	}
	return s
}

func (n *network) awaitCount(group, name string, least int64) {
	n.tb.Helper()
	if err := n.reach(group, name, least); err != nil {
		n.tb.Fatal(err)
	}
}

// reach waits until a counter has reached a value.
func (n *network) reach(group, name string, least int64) error {
	var got int64
	for give := time.Now().Add(10 * time.Second); time.Now().Before(give); time.Sleep(time.Millisecond) {
		now, err := readCounters(context.Background(), n)
		if err != nil {
			return err
		}
		if got = now[group][name]; got >= least {
			return nil
		}
	}
	return fmt.Errorf("%s.%s is %d, wanted %d", group, name, got, least)
}

// reset closes a descriptor that the test's end would close: the end must not close another's.
func (n *network) reset(fd int) {
	n.tb.Helper()
	spare, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(spare, fd, unix.O_CLOEXEC) // closes what was there
		unix.Close(spare)
	}
	if err != nil {
		n.tb.Fatal(err)
	}
}

// A meaning that belongs to no counter is a misspelt one; each fits beside its counter and a number of seven digits.
func TestMeaningsAreOfCounters(t *testing.T) {
	now, err := readCounters(context.Background(), newNetwork(t))
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, m := range meanings() {
		if _, there := now[m.group][m.name]; !there && now[m.group] != nil {
			missing = append(missing, m.group+"."+m.name)
		}
		if w := show.Width(m.group+"."+m.name) + 2 + 7 + 2 + show.Width(m.text); w > 80 {
			t.Errorf("%s.%s: %q is %d columns too long", m.group, m.name, m.text, w-80)
		}
		if meaningOf(m.group, m.name) != m.text {
			t.Errorf("%s.%s: %q is there twice", m.group, m.name, m.text)
		}
	}
	// A kernel before 6.8 does not have the newest; a handful of names it cannot know is what is forgiven.
	if len(missing) > 0 && !older(6, 8) || len(missing) > 8 {
		t.Errorf("the kernel has none of these: %v", missing)
	}
}

func TestMeanings(t *testing.T) {
	for _, c := range [][3]string{
		{"Udp6", "NoPorts", "datagrams to a port that nobody has bound"},
		{"Ip6", "InOctets", "bytes received, IP headers included"},
		{"Icmp6", "OutTimeExcds", "Time Exceeded sent: a TTL ran out here"},
		{"", "ListenDrops", "SYNs and ACKs that listeners dropped"},
		{"IcmpMsg", "InType3", "ICMP messages of type 3 received"},
		{"MPTcpExt", "ListenDrops", ""},
		{"", "", ""},
	} {
		if got := meaningOf(c[0], c[1]); got != c[2] {
			t.Errorf("%s.%s: %q, wanted %q", c[0], c[1], got, c[2])
		}
	}
}
