package sock

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// Two ways to lose a SYN, on two listeners: the one whose accept queue is full overflows, the one whose SYN queue is
// full does not, and each is told its own drops: with TCP_DEFER_ACCEPT the five ACKs that brought no data are among
// them.
func TestQueue(t *testing.T) {
	n := newNetwork(t)
	n.set("ipv4/tcp_syncookies", 0)
	_, full := n.listen(2, 0)
	_, half := n.listen(4, 30)
	_, idle := n.listen(7, 0)
	for range 8 {
		n.connect(full)
	}
	for range 7 {
		n.connect(half)
	}
	n.awaitCount("TcpExt", "ListenDrops", 7)
	n.giveUp()
	n.awaitCount("TcpExt", "TCPDeferAcceptDrop", 5)
	given := []lua.Const{is("net", n), is("full", full), is("half", half), is("idle", idle)}
	expect(t, `
		local function show(port)
			local q = assert(sock.queue(port, {on = given.net}))
			local r = q[1]
			print(#q, r.addr == "127.0.0.1:" .. port, r.len, r.limit, r.syn_recv, r.overflows, r.drops, r.scope)
		end
		show(given.full) show(given.half) show(given.idle)
		local all = assert(sock.queues{on = given.net})
		local order = {}
		for i, r in ipairs(all) do order[i] = r.addr:match(":(%d+)$") + 0 end
		print(#all, order[1] == given.full, order[2] == given.half, order[3] == given.idle, all.partial)
		print(#sock.queue(1, {on = given.net}))
		print(#sock.list{on = given.net, port = given.half, state = "SYN_RECV"})
	`, strings.Join([]string{
		"1\ttrue\t3\t2\t0\t5\t5\tnamespace/listener",
		"1\ttrue\t0\t4\t5\t5\t7\tnamespace/listener",
		"1\ttrue\t0\t7\t0\t5\t0\tnamespace/listener",
		"3\ttrue\ttrue\ttrue\tnil",
		"0",
		"5",
	}, "\n"), given...)
}

// Listeners of one port at several addresses are told apart, and half-open connections go to theirs.
func TestQueuesOfOnePort(t *testing.T) {
	n := newNetwork(t)
	_, port := n.listen(5, 30)
	other := n.socket(unix.SOCK_STREAM)
	unix.SetsockoptInt(other, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30)
	for _, err := range []error{
		unix.Bind(other, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 2}}), unix.Listen(other, 9),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n.connect(port)
	for range 2 {
		unix.Connect(n.socket(unix.SOCK_STREAM), &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 2}})
	}
	n.awaitCount("TcpExt", "TCPDeferAcceptDrop", 3)
	expect(t, `
		local q = assert(sock.queue(given.port, {on = given.net}))
		table.sort(q, function(a, b) return a.limit < b.limit end)
		for _, r in ipairs(q) do print(r.addr:match("^[%d.]+"), r.len, r.limit, r.syn_recv) end
	`, "127.0.0.1\t0\t5\t1\n127.0.0.2\t0\t9\t2", is("net", n), is("port", port))
}

func TestHalfOpenGoesToTheRightListener(t *testing.T) {
	for _, c := range []struct {
		name    string
		listens []string
		half    string
		family  uint8
		want    string
	}{
		{"its own address", []string{"127.0.0.1:80", "0.0.0.0:80"}, "127.0.0.1:80", unix.AF_INET, "127.0.0.1:80"},
		{"any address", []string{"127.0.0.2:80", "0.0.0.0:80", "[::]:80"}, "127.0.0.1:80", unix.AF_INET, "0.0.0.0:80"},
		{"IPv4 at an IPv6 listener", []string{"[::]:80"}, "127.0.0.1:80", unix.AF_INET, "[::]:80"},
		{"the same in an IPv6 row", []string{"0.0.0.0:81", "[::]:80"}, "127.0.0.1:80", unix.AF_INET6, "[::]:80"},
		{"IPv6", []string{"0.0.0.0:80", "[::]:80"}, "[::1]:80", unix.AF_INET6, "[::]:80"},
	} {
		listens := map[netip.AddrPort]bool{}
		for _, a := range c.listens {
			listens[netip.MustParseAddrPort(a)] = true
		}
		if got := listenerOf(netip.MustParseAddrPort(c.half), c.family, listens); got.String() != c.want {
			t.Errorf("%s: %v, wanted %s", c.name, got, c.want)
		}
	}
}

// Where the kernel does not tell a listener's drops, the network's stand there, and scope says so.
func TestQueueOfAnOlderKernel(t *testing.T) {
	ext := map[string]int64{"ListenOverflows": 4, "ListenDrops": 9}
	q := newQueue(&netlink.Socket{Family: unix.AF_INET, State: netlink.Listen, RQueue: 1, WQueue: 3}, nil, ext)
	if q.Overflows != 4 || q.Drops != 9 || q.Scope != "namespace" {
		t.Errorf("%+v", q)
	}
}

// ss(8) says the same of every listener that this test has made.
func TestQueuesAgainstSS(t *testing.T) {
	ss, err := exec.LookPath("ss")
	if err != nil {
		t.Skip("ss (iproute2) is not installed: nothing to compare with")
	}
	wanted := map[string]bool{}
	var ports []int
	for _, at := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp4", "0.0.0.0:0"}, {"tcp", "[::]:0"}} {
		_, port := listener(t, at[0], at[1])
		if at[0] == "tcp4" && at[1] == "127.0.0.1:0" {
			for range 3 {
				c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(c)
				if err := unix.Connect(c, loopback(port)); err != nil {
					t.Fatal(err)
				}
			}
		}
		ports = append(ports, port)
	}
	out, err := exec.Command(ss, "-ltnH").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		addr := strings.Replace(f[3], "*:", "[::]:", 1)
		if slices.ContainsFunc(ports, func(p int) bool { return strings.HasSuffix(addr, fmt.Sprint(":", p)) }) {
			wanted[fmt.Sprintf("%s %s %s", addr, f[1], f[2])] = true
		}
	}
	got, err := run(t, `for _, q in ipairs(assert(sock.queues())) do print(q.addr .. " " .. q.len .. " " .. q.limit) end`)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(got) {
		if wanted[strings.TrimSuffix(line, "\n")] {
			seen++
		}
	}
	if seen != len(wanted) || seen != len(ports) {
		t.Errorf("nsh:\n%sss:\n%s", got, out)
	}
}
