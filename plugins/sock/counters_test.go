package sock

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
)

// fullQueue is what a script does in a network: eight clients at a listener whose backlog is 2.
func fullQueue(n *network) func() error {
	_, port := n.listen(2, 0)
	return func() error {
		before, err := readCounters(context.Background(), n)
		if err != nil {
			return err
		}
		for range 8 {
			fd, err := n.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err := unix.Connect(fd, loopback(port)); err != nil && err != unix.EINPROGRESS {
				return err
			}
		}
		return n.reach("TcpExt", "ListenOverflows", before["TcpExt"]["ListenOverflows"]+5)
	}
}

func TestDelta(t *testing.T) {
	n, quiet := newNetwork(t), newNetwork(t)
	n.act = fullQueue(n)
	expect(t, `
		local d, a, b, c = sock.delta(function() given.net:act() return 1, nil, "three" end, {on = given.net})
		print(a, b, c, type(d), type(d.TcpExt))
		print(d.TcpExt.ListenOverflows, d.TcpExt.ListenDrops, d.TcpExt.SyncookiesSent, d.Udp.NoPorts, d.IcmpMsg.OutType3)
		local n, groups = 0, 0
		for _, group in pairs(d) do groups = groups + 1 for _, x in pairs(group) do n = n + 1 end end
		print(groups > 8, n > 300)
		local still = sock.delta(function() end, {on = given.quiet})
		for _, group in pairs(still) do for name, x in pairs(group) do if x ~= 0 then print(name, x) end end end
		print(select("#", sock.delta(function() end, {on = given.net})))
	`, strings.Join([]string{
		"1\tnil\tthree\ttable\ttable", "5\t5\t0\t0\t0", "true\ttrue", "1"}, "\n"), is("net", n), is("quiet", quiet))
}

// f may wait, is part of the caller's flow, and its errors are the caller's, with their own line.
func TestDeltaCallsInTheScript(t *testing.T) {
	n := newNetwork(t)
	n.act = fullQueue(n)
	net := is("net", n)
	expect(t, `
		local d, r = sock.delta(function() fiber.sleep(0.01) return "slept" end, {on = given.net})
		print(r)
		local co = coroutine.wrap(function() return select(2, sock.delta(function() return coroutine.yield("in the middle") end)) end)
		print(co(), co("and on"))
		print(pcall(sock.delta, function() error("at the first line", 0) end))
		local ok, e = pcall(sock.delta, function() error({code = 7}) end)
		print(ok, e.code)
		local outer = sock.delta(function()
			local inner = sock.delta(function() given.net:act() end, {on = given.net})
			print(inner.TcpExt.ListenOverflows)
		end, {on = given.net})
		print(outer.TcpExt.ListenOverflows)
		print(fiber.timeout(0.05, function() sock.delta(function() fiber.sleep(60) end) end))
		print(fiber.timeout(0.05, function() sock.delta(function() while true do end end) end))
	`, strings.Join([]string{"slept", "in the middle\tand on", "false\tat the first line", "false\t7", "5", "5",
		"nil\tfiber.timeout not done within 50ms", "nil\tfiber.timeout not done within 50ms"}, "\n"), net)
	_, err := run(t, "local d = sock.delta(function()\n  error('here')\nend)")
	if err == nil || err.Error() != "test.lua:2: here" {
		t.Errorf("said %v", err)
	}
}

func TestCountersMisuse(t *testing.T) {
	for src, want := range map[string]string{
		`return sock.counters().TcpEx`:                 `Counters has no field "TcpEx", did you mean 'TcpExt'?`,
		`return sock.counters().TcpExt.ListenOverflow`: `CounterGroup has no field "ListenOverflow", did you mean 'ListenOverflows'?`,
		`return sock.delta(print).Tcp.OutRst`:          `ChangeGroup has no field "OutRst", did you mean 'OutRsts'?`,
		`return sock.delta(print).udp`:                 `Changes has no field "udp", did you mean 'Udp'?`,
		`return sock.limits().somaxcon`:                `Limits has no field "somaxcon", did you mean 'somaxconn'?`,
		`sock.delta()`:                                 "sock.delta: argument 1 (f): function expected, got nothing",
		`sock.delta(5)`:                                "sock.delta: argument 1 (f): function expected, got 5",
		`sock.counters{no = 1}`:                        "sock.counters: option 'no' unknown, did you mean 'on'?",
		`sock.counters{on = "b"}`:                      "sock.counters: option 'on': a Host or {pid = n} expected, got \"b\"",
		`sock.queue()`:                                 "sock.queue: argument 1 (port): whole number expected, got nothing",
		`sock.queue(0)`:                                "sock.queue: argument 1 (port): must be from 1 to 65535, got 0",
		`sock.queue(70000)`:                            "sock.queue: argument 1 (port): must be from 1 to 65535, got 70000",
		`sock.queue("80")`:                             "sock.queue: argument 1 (port): whole number expected, got \"80\"",
		`sock.holders()`:                               "sock.holders: argument 1 (conn): Conn or Socket (a row of sock.list) expected, got nothing",
		`sock.holders({})`:                             "sock.holders: argument 1 (conn): Conn or Socket (a row of sock.list) expected, got table",
		`sock.holders(given.closed)`:                   "sock.holders: argument 1 (conn): the connection is closed",
	} {
		_, err := run(t, src, is("closed", &fakeConn{-1}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nsaid   %v\nwanted %s", src, err, want)
		}
	}
}

// What a counter is lies between two readings of nsh's, whoever else reads it: here cat(1) and nstat(8).
func TestCountersAgainstOthers(t *testing.T) {
	read := func() map[string]int64 {
		s, err := readCounters(context.Background(), engines.Here{})
		if err != nil {
			t.Fatal(err)
		}
		flat := map[string]int64{}
		for group, names := range s {
			for name, n := range names {
				flat[group+name] = n
			}
		}
		return flat
	}
	// These go up and down.
	gauge := func(name string) bool { return name == "TcpCurrEstab" || name == "MPTcpExtMPCurrEstab" }
	compare := func(t *testing.T, theirs func() map[string]int64) {
		before := read()
		their := theirs()
		after := read()
		for name, n := range their {
			low, there := before[name]
			if !there && after[name] == 0 {
				t.Errorf("nsh has no %s (%d)", name, n)
			}
			if (n < low || n > after[name]) && !gauge(name) {
				t.Errorf("%s is %d, nsh says %d before and %d after", name, n, low, after[name])
			}
		}
		if len(their) < 300 {
			t.Errorf("only %d counters to compare", len(their))
		}
	}
	t.Run("awk", func(t *testing.T) {
		compare(t, func() map[string]int64 {
			return pairs(t, nil, "awk", `FILENAME ~ /snmp6$/ { print; next }
				{ if (seen == $1) { for (i = 2; i <= NF; i++) print substr($1, 1, length($1) - 1) name[i], $i; seen = "" }
				  else { seen = $1; for (i = 2; i <= NF; i++) name[i] = $i } }`,
				"/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6")
		})
	})
	t.Run("nstat", func(t *testing.T) {
		if _, err := exec.LookPath("nstat"); err != nil {
			t.Skip("nstat (iproute2) is not installed: nothing to compare with")
		}
		compare(t, func() map[string]int64 {
			return pairs(t, []string{"NSTAT_HISTORY=" + filepath.Join(t.TempDir(), "h")}, "nstat", "-asz")
		})
	})
}

// pairs runs a program that prints names and numbers.
func pairs(t *testing.T, env []string, program string, args ...string) map[string]int64 {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(program + " is not installed: nothing to compare with")
	}
	if _, err := os.Stat("/proc/net/snmp6"); err != nil {
		t.Skip("no IPv6 here")
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	all := map[string]int64{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) >= 2 && f[0] != "#kernel" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatalf("%s said %q", program, line)
			}
			all[f[0]] = n
		}
	}
	return all
}

func TestReadCounters(t *testing.T) {
	s := snapshot{}
	if err := s.addTables("Tcp: A MaxConn\nTcp: 7 -1\nUdp: A\nUdp: 18446744073709551\n"); err != nil {
		t.Fatal(err)
	}
	if err := s.addLines("Icmp6OutType136                 \t4\nUdpLite6NoPorts\t5\n"); err != nil {
		t.Fatal(err)
	}
	if s["Tcp"]["A"] != 7 || s["Tcp"]["MaxConn"] != -1 || s["Udp"]["A"] != 18446744073709551 || s["Icmp6"]["OutType136"] != 4 || s["UdpLite6"]["NoPorts"] != 5 {
		t.Errorf("%v", s)
	}
	for _, text := range []string{"Tcp: A B\nTcp: 1\n", "Tcp: A\nUdp: 1\n", "Tcp A\nTcp 1\n", "Tcp: A\nTcp: x\n"} {
		if err := (snapshot{}).addTables(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	for _, text := range []string{"Ip6X\n", "IpX 1\n", "Ip6X y\n"} {
		if err := (snapshot{}).addLines(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	change := snapshot{"a": {"x": 5, "new": 2}, "b": {"y": 1}}.since(snapshot{"a": {"x": 7, "old": 3}, "c": {"z": 4}})
	want := snapshot{"a": {"x": -2, "new": 2, "old": -3}, "b": {"y": 1}, "c": {"z": -4}}
	if !maps.EqualFunc(change, want, maps.Equal[map[string]int64, map[string]int64]) {
		t.Errorf("saw %v, wanted %v", change, want)
	}
}

// A Place that cannot open what is asked for is what the world says; nothing is looked at elsewhere.
func TestAPlaceThatFails(t *testing.T) {
	n := newNetwork(t)
	unix.Shutdown(n.fd, unix.SHUT_RDWR)
	out, err := run(t, `
		for _, f in ipairs{sock.counters, sock.limits, sock.queues} do
			local x, err = f{on = given.net}
			print(x, err.code)
		end
		print(select(2, sock.queue(80, {on = given.net})).code, select(2, sock.delta(error, {on = given.net})).code)
	`, is("net", n))
	if err != nil || strings.Count(out, "EPIPE") != 5 {
		t.Errorf("%s%v", out, err)
	}
}

func TestCountersPrinted(t *testing.T) {
	n := newNetwork(t)
	n.act = fullQueue(n)
	out, err := run(t, `
		local d = sock.delta(function() given.net:act() end, {on = given.net})
		print(d) print(d.Udp) print(sock.counters{on = given.net}.Udp) print(sock.counters{on = given.net}) print(sock.limits{on = given.net})`, is("net", n))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"counter                 change  meaning\n", "TcpExt.ListenOverflows       5  SYNs and ACKs dropped: accept queue full\n",
		" more did not change\n", "none of the 9 changed\n", "all 9 are 0\n", " more are 0\n", "\nTcp.ActiveOpens              8  connects begun (SYN_SENT)\n",
		"\nip_local_port_range[1]  ", "most that listen() gets: accept queue\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > 81 || strings.Contains(line, "…") && !strings.HasPrefix(line, "… ") {
			t.Errorf("does not fit in 80 columns: %q", line)
		}
	}
}

// Many readings leave no descriptor, also when they are cancelled in the middle.
func TestReadingLeavesNothing(t *testing.T) {
	n := newNetwork(t)
	expect(t, `
		for i = 1, 20 do
			sock.counters{on = given.net} sock.limits{on = given.net} sock.queues{on = given.net}
			sock.delta(function() end) pcall(sock.delta, error)
		end
		print(fiber.timeout(0.05, function() while true do sock.queues() sock.counters() end end))
	`, "nil\tfiber.timeout not done within 50ms", is("net", n))
}

// A laboratory's check reads the counters every 10 ms: reading must be a small part of that.
func BenchmarkCounters(b *testing.B) {
	for b.Loop() {
		if _, err := run(b, `for i = 1, 20 do assert(sock.counters().Tcp.InSegs >= 0) end`); err != nil {
			b.Fatal(err)
		}
	}
}
