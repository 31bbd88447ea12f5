package sock

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What changes while somebody watches is printed, of the network that the counters are of, and only what was asked for.
func TestFollow(t *testing.T) {
	n := newNetwork(t)
	_, port := n.listen(8, 0)
	n.act = func() error { n.connect(port); return nil }
	out, err := run(t, `
		local c = assert(sock.counters{on = given.net})
		local f = fiber.spawn(function() fiber.sleep(0.05) given.net:act() end)
		print(c:watch{every = 0.02, seconds = 0.3, only = {"Tcp.PassiveOpens", "Tcp.ActiveOpens", "Udp"}})
		f:join()
		print(pcall(function() return c:watch{every = 0.001} end))
		print(pcall(function() return c:watch{only = {"Tcp.InSeg"}} end))
		print(pcall(function() return c:watch{only = {"Tpc"}} end))
		print(pcall(function() return c.watch() end))
		print(fiber.timeout(0.05, function() c:watch() end))
	`, is("net", n))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := []string{
		"Tcp.ActiveOpens +1 → 1 connects begun (SYN_SENT)", "Tcp.PassiveOpens +1 → 1 handshakes that listeners completed", "true",
		"Counters:watch: option 'every': must be at least 0.01, got 0.001", "Tcp has no counter \"InSeg\", did you mean 'InSegs'?",
		`there is no group "Tpc", did you mean 'Tcp'?`, "Counters:watch: called on nothing, not on a Counters; use ':'", "not done within 50ms",
	}
	if len(lines) != len(want) {
		t.Fatalf("printed\n%s", out)
	}
	for i, w := range want {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.Contains(got, w) {
			t.Errorf("printed %q, wanted %q", got, w)
		}
	}
}

func TestTotals(t *testing.T) {
	n := newNetwork(t)
	n.listen(8, 0)
	n.socket(unix.SOCK_DGRAM)
	expect(t, `
		local t = assert(sock.totals{on = given.net})
		print(t.tcp.inuse, t.tcp.tw, t.tcp.alloc >= 1, t.udp.inuse, t.sockets >= 2, t.raw.inuse)
	`, "1\t0\ttrue\t0\ttrue\t0", is("net", n)) // a UDP socket counts once it is bound
	for text, want := range map[string]string{
		"TCP: inuse":   "is no group with names and numbers",
		"TCP":          "is no group with names and numbers",
		"TCP: inuse x": "TCP inuse: ",
	} {
		if err := (&Totals{}).read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
