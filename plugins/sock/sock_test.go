package sock

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

func TestRows(t *testing.T) {
	// Elsewhere another program's connection may have the same port at one of its ends. The kernel tells uids as they are
	// in the network's own user namespace, where the one of this test is 0.
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	n.connect(port)
	n.accept(ln)
	given := []lua.Const{is("net", n), is("port", port), is("pid", os.Getpid()), is("uid", 0)}
	expect(t, `
		local rows = assert(sock.list{on = given.net, port = given.port})
		print(#rows, type(rows), rows.partial)
		table.sort(rows, function(a, b) return a.state .. a.local_addr < b.state .. b.local_addr end)
		local n = {}
		for _, row in ipairs(rows) do n[row.state] = (n[row.state] or 0) + 1 end
		print(n.LISTEN, n.ESTABLISHED)
		local l = rows[3]
		print(l.state, l.local_addr == "127.0.0.1:" .. given.port, l.peer_addr, l.recv_q, l.family, l.proto, l.timer)
		print(l.pid == given.pid, l.uid == given.uid, type(l.process), type(l.inode), type(l.cookie), l.inode ~= "0")
		print(#sock.list{on = given.net, port = given.port, process = given.pid}, #sock.list{on = given.net, port = given.port, process = l.process},
			#sock.list{on = given.net, port = given.port, process = "nobody has this name"}, #sock.list{on = given.net, port = given.port, process = 1e9})
		print(#sock.list{on = given.net, address = "127.0.0.1:" .. given.port}, #sock.list{on = given.net, local_port = given.port}, #sock.list{on = given.net, peer_port = given.port},
			#sock.list{on = given.net, port = given.port, state = "Listen"}, #sock.list{on = given.net, port = given.port, family = "ipv6"}, #sock.list{on = given.net, port = given.port, proto = "udp"})
	`, strings.Join([]string{
		"3\ttable\tnil",
		"1\t2",
		"LISTEN\ttrue\t0.0.0.0:*\t0\tipv4\ttcp\tnil",
		"true\ttrue\tstring\tstring\tstring\ttrue",
		"3\t3\t0\t0",
		"3\t2\t1\t1\t0\t0",
	}, "\n"), given...)
}

func TestIPv6Rows(t *testing.T) {
	ln, port := listener(t, "tcp6", "[::1]:0")
	connected(t, ln)
	expect(t, `
		local rows = assert(sock.list{port = given.port, state = "LISTEN"})
		print(#rows, rows[1].local_addr == "[::1]:" .. given.port, rows[1].peer_addr, rows[1].family)
		print(#sock.list{address = "[::1]:" .. given.port}, #sock.list{port = given.port, address = "::1"})
	`, "1\ttrue\t[::]:*\tipv6\n3\t3", is("port", port))
}

func TestTimeWait(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	client := n.connect(port)
	server := n.accept(ln)
	unix.Shutdown(server, unix.SHUT_WR)
	n.await(client, unix.POLLIN) // the end of the stream
	unix.Shutdown(client, unix.SHUT_WR)
	expect(t, `
		local rows
		for i = 1, 1e6 do
			rows = assert(sock.list{on = given.net, local_port = given.port, state = "TIME_WAIT"})
			if #rows == 1 then break end
		end
		local r = rows[1]
		print(r.state, r.timer.name, r.timer.seconds > 0 and r.timer.seconds <= 60, r.timer.retries, r.inode, r.pid, r.process)
		local n = assert(sock.states{on = given.net, local_port = given.port})
		print(n.TIME_WAIT, n.LISTEN, n.ESTABLISHED)
	`, "TIME_WAIT\ttimewait\ttrue\t0\t0\tnil\tnil\n1\t1\t0", is("port", port), is("net", n))
}

func TestStatesHasThemAll(t *testing.T) {
	n := newNetwork(t) // elsewhere another program's connection may have had the port a minute ago
	_, port := n.listen(8, 0)
	expect(t, `
		local n, names = assert(sock.states{port = given.port, on = given.net}), {}
		for _, name in ipairs{"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"} do
			names[#names + 1] = name .. "=" .. tostring(n[name])
			n[name] = nil
		end
		print(table.concat(names, " "))
		print(next(n))
		print(assert(sock.states{port = given.port, process = 1e9, on = given.net}).LISTEN, assert(sock.states{port = given.port, state = "TIME_WAIT", on = given.net}).LISTEN)
	`, "ESTABLISHED=0 SYN_SENT=0 SYN_RECV=0 FIN_WAIT1=0 FIN_WAIT2=0 TIME_WAIT=0 CLOSE=0 CLOSE_WAIT=0 LAST_ACK=0 LISTEN=1 CLOSING=0\nnil\n0\t0",
		is("port", port), is("net", n))
}

func TestPrinted(t *testing.T) {
	ln, port := listener(t, "tcp4", "127.0.0.1:0")
	connected(t, ln)
	out, err := run(t, `print(sock.states{port = given.port}) print(sock.list{port = given.port})`, is("port", port))
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, name := range []string{"ESTABLISHED", "TIME_WAIT", "CLOSE_WAIT", "LISTEN", "CLOSING"} {
		i := strings.Index(out, name)
		if i <= at {
			t.Errorf("%s is missing or out of order in\n%s", name, out)
		}
		at = i
	}
	if !strings.Contains(out, "local_addr") || strings.Count(out, "127.0.0.1") < 3 {
		t.Errorf("no table of addresses in\n%s", out)
	}
}

func TestMisuse(t *testing.T) {
	for src, want := range map[string]string{
		`sock.list{state = "TIMEWAIT"}`:      `sock.list: option 'state': "TIMEWAIT" unknown, did you mean 'TIME_WAIT'?`,
		`sock.states{state = "xyzzy"}`:       `sock.states: option 'state': "xyzzy" unknown; it is one of: ESTABLISHED`,
		`sock.list{port = 0}`:                "option 'port': must be from 1 to 65535, got 0",
		`sock.list{port = "80"}`:             "option 'port': whole number expected",
		`sock.list{prot = 1}`:                "option 'prot' unknown, did you mean",
		`sock.list{family = "ip5"}`:          `option 'family': "ip5" unknown; it is ipv4 or ipv6`,
		`sock.list{proto = "tpc"}`:           "option 'proto': \"tpc\" unknown, did you mean 'tcp'?",
		`sock.list{address = "1.2.3"}`:       "option 'address': ",
		`sock.list{address = "name.test:1"}`: "option 'address': \"name.test\" is no IP address",
		`sock.list{process = {}}`:            "option 'process': a name or a pid expected, got table",
		`sock.info()`:                        "sock.info: argument 1 (conn): Conn expected, got nothing",
		`sock.info(5)`:                       "sock.info: argument 1 (conn): Conn expected, got 5",
		`sock.info(given.closed)`:            "sock.info: argument 1 (conn): the connection is closed",
	} {
		_, err := run(t, src, is("closed", &fakeConn{-1}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nsaid   %v\nwanted %s", src, err, want)
		}
	}
}

func TestInfo(t *testing.T) {
	ln, _ := listener(t, "tcp4", "127.0.0.1:0")
	server, client := connected(t, ln)
	fmt.Fprint(client, "hello")
	if n, err := server.Read(make([]byte, 5)); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	expect(t, `
		local s, c = assert(sock.info(given.server)), assert(sock.info(given.client))
		print(s.state, s.bytes_received, s.total_retrans, c.bytes_sent, c.segs_out >= 2, c.snd_cwnd > 0, c.rtt > 0, c.rto >= 200000, c.snd_mss > 1000)
		print(s.snd_wscale == c.rcv_wscale, s.rcv_wscale > 0, s.options > 0)
	`, "ESTABLISHED\t5\t0\t5\ttrue\ttrue\ttrue\ttrue\ttrue\ntrue\ttrue\ttrue",
		is("server", &fakeConn{descriptor(t, server)}), is("client", &fakeConn{descriptor(t, client)}))
	// A socket of another kind: what the world says.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	expect(t, `local i, err = sock.info(given.unix) print(i, err.code)`, "nil\tENOTSUP", is("unix", &fakeConn{fd}))
}

// Every field is filled from the kernel's, by name: a name that is not there would stay 0 for ever.
func TestTCPInfoNames(t *testing.T) {
	raw := unix.TCPInfo{}
	bytes := (*[unix.SizeofTCPInfo]byte)(unsafe.Pointer(&raw))
	for i := range bytes {
		bytes[i] = 0xFF
	}
	text := fmt.Sprintf("%+v", *plugins.NewTCPInfo(&raw))
	if strings.Contains(text, ":0 ") || strings.Contains(text, ":0}") {
		t.Errorf("fields left 0: %s", text)
	}
}

func TestUDP(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	expect(t, `
		local rows = assert(sock.list{proto = "udp", local_port = given.port})
		print(#rows, rows[1].state, rows[1].proto, rows[1].peer_addr)
	`, "1\tCLOSE\tudp\t0.0.0.0:*", is("port", c.LocalAddr().(*net.UDPAddr).Port))
}

// A script of many listings leaves no descriptor, also when it is cancelled in the middle.
func TestNothingIsLeft(t *testing.T) {
	expect(t, `
		local few = {state = "LISTEN"}
		for i = 1, 50 do sock.list(few) sock.states(few) sock.list{state = "LISTEN", process = "x"} end
		print(fiber.timeout(0.05, function() while true do sock.list(few) end end))
	`, "nil\tfiber.timeout not done within 50ms")
}

// Half a million rows a second is far more than a laboratory has; a script that lists once a frame must not notice.
func BenchmarkList(b *testing.B) {
	ln, _ := listener(b, "tcp4", "127.0.0.1:0")
	for range 200 {
		connected(b, ln)
	}
	for b.Loop() {
		if _, err := run(b, `for i = 1, 20 do assert(#sock.list() > 400) end`); err != nil {
			b.Fatal(err)
		}
	}
}

// What is only bound is in another of the kernel's tables than what listens and what is connected.
func TestBoundBesideConnected(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	n.connect(port)
	n.accept(ln)
	fd, err := n.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 9}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if rows, _, err := netlink.Append(t.Context(), diagFd(t, n), netlink.Query{LocalPort: uint16(name.(*unix.SockaddrInet4).Port)}, nil); err != nil || len(rows) == 0 {
		t.Skip("this kernel does not show sockets that are only bound (Linux 6.8 and later do)", err)
	}
	expect(t, `
		local function states(filter)
			local names = {}
			for _, r in ipairs(assert(sock.list(filter))) do names[#names + 1] = r.state .. (r.memory and "+" or "") end
			table.sort(names)
			return table.concat(names, " ")
		end
		local me = given.pid
		print(states{on = given.net, address = "127.0.0.9"})
		print(states{on = given.net, port = given.bound, info = true})
		print(states{on = given.net, process = me, interface = "lo"})
		print(states{on = given.net, address = "127.0.0.9", process = me})
		print(states{on = given.net, address = "127.0.0.9", process = 1e9})
		print(states{on = given.net})
	`, "CLOSE\nCLOSE+\n\nCLOSE\n\nCLOSE ESTABLISHED ESTABLISHED LISTEN",
		is("net", n), is("bound", name.(*unix.SockaddrInet4).Port), is("pid", os.Getpid()))
}

func diagFd(t *testing.T, n *network) int {
	t.Helper()
	fd, err := n.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
