package netlink

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func families(t *testing.T, f func(t *testing.T, b bench)) {
	for _, c := range []struct {
		name   string
		family int
		addr   string
	}{
		{"ipv4", unix.AF_INET, "127.0.0.1"},
		{"ipv6", unix.AF_INET6, "::1"},
		{"ipv4 in ipv6", unix.AF_INET6, "::ffff:127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bench{t, c.family, netip.MustParseAddr(c.addr)}
			fd, err := unix.Socket(b.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				err = unix.Bind(fd, b.sockaddr(0))
				unix.Close(fd)
			}
			if err != nil {
				t.Skipf("%s cannot be used here: %v", c.addr, err)
			}
			f(t, b)
		})
	}
}

// made is a socket that a test has brought into a state, by its ports.
type made struct {
	want        State
	local, peer uint16
}

func (m made) query() Query { return Query{LocalPort: m.local, PeerPort: m.peer} }

// everyState makes a socket in each state of RFC 9293 with ordinary calls on loopback.
func everyState(b bench) []made {
	b.Helper()
	ln, port := b.listen(16)
	var all []made
	add := func(want State, local, peer uint16) { all = append(all, made{want, local, peer}) }
	add(Listen, port, 0)

	_, _, p := b.pair(ln, port)
	add(Established, p, port)
	add(Established, port, p)

	// One end is done with writing, the other is not.
	_, client, p := b.pair(ln, port)
	b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	add(FinWait2, p, port)
	add(CloseWait, port, p)

	// Both are done: TIME_WAIT stays with the end that was first.
	server, client, p := b.pair(ln, port)
	b.check("shutdown", unix.Shutdown(server, unix.SHUT_WR))
	await(b, diagSocket(b), Query{LocalPort: p, PeerPort: port}, CloseWait)
	b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	add(TimeWait, port, p)

	// The FIN waits behind data for which the peer has no room.
	_, client, p = b.pair(ln, port)
	b.fill(client)
	b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	add(FinWait1, p, port)

	// The same, and the peer's FIN arrives.
	server, client, p = b.pair(ln, port)
	b.fill(client)
	b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	b.check("shutdown", unix.Shutdown(server, unix.SHUT_WR))
	add(Closing, p, port)

	// The peer's FIN came first.
	server, client, p = b.pair(ln, port)
	b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
	await(b, diagSocket(b), Query{LocalPort: port, PeerPort: p}, CloseWait)
	b.fill(server)
	b.check("shutdown", unix.Shutdown(server, unix.SHUT_WR))
	add(LastAck, port, p)

	return append(all, halfOpen(b)...)
}

// halfOpen are the two states of a handshake that does not end.
func halfOpen(b bench) []made {
	b.Helper()
	// A listener that wants data first keeps the finished handshake as half-open: TCP_DEFER_ACCEPT, tcp(7).
	late, latePort := b.listen(16)
	b.check("setsockopt", unix.SetsockoptInt(late, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 30))
	client := b.socket()
	b.check("connect", unix.Connect(client, b.sockaddr(latePort)))
	received := made{SynRecv, latePort, b.port(client)}

	// A full accept queue drops the SYN: backlog 0 has room for one.
	_, fullPort := b.listen(0)
	b.check("connect", unix.Connect(b.socket(), b.sockaddr(fullPort)))
	client = b.socket()
	b.check("nonblock", unix.SetNonblock(client, true))
	if err := unix.Connect(client, b.sockaddr(fullPort)); err != unix.EINPROGRESS {
		b.Fatalf("connect to a full queue: %v", err)
	}
	return []made{received, {SynSent, b.port(client), fullPort}}
}

func TestEveryStateIsRead(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		fd := diagSocket(t)
		for _, m := range everyState(b) {
			row := await(t, fd, m.query(), m.want)
			if int(row.Family) != b.family {
				t.Errorf("%v: family %d, wanted %d", m.want, row.Family, b.family)
			}
			if got := row.Local().Addr(); got != b.addr.Unmap() {
				t.Errorf("%v: local address %v, wanted %v", m.want, got, b.addr.Unmap())
			}
			if row.Cookie() == 0 {
				t.Errorf("%v: no cookie", m.want)
			}
			wantTimer := map[State]string{TimeWait: "timewait", SynSent: "on", SynRecv: "on", Closing: "persist"}[m.want]
			if wantTimer != "" && row.Timer.String() != wantTimer {
				t.Errorf("%v: timer %q, wanted %q", m.want, row.Timer, wantTimer)
			}
			if m.want == TimeWait && (row.TimeLeft().Seconds() > 60 || row.TimeLeft() <= 0) {
				t.Errorf("TIME_WAIT for %v more; Linux keeps it 60 s", row.TimeLeft())
			}
		}
	})
}

func TestASocketThatIsOnlyBoundIsClose(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		fd := b.socket()
		b.check("bind", unix.Bind(fd, b.sockaddr(0)))
		rows, _, err := Append(within(t), diagSocket(t), Query{LocalPort: b.port(fd)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			t.Skip("this kernel does not show sockets that are only bound (Linux 6.8 and later do)")
		}
		if rows[0].State != Close {
			t.Errorf("saw %v, wanted CLOSE", rows[0].State)
		}
	})
}

// What waits in a listener's queue is its RQueue, the most that may is its WQueue.
func TestAListenersQueue(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		_, port := b.listen(7)
		for range 3 {
			b.check("connect", unix.Connect(b.socket(), b.sockaddr(port)))
		}
		row := await(t, diagSocket(t), Query{LocalPort: port}, Listen)
		if row.RQueue != 3 || row.WQueue != 7 {
			t.Errorf("saw %d of %d, wanted 3 of 7", row.RQueue, row.WQueue)
		}
	})
}

func TestPortFilters(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		fd := diagSocket(t)
		ln, port := b.listen(16)
		_, _, p := b.pair(ln, port)
		for _, c := range []struct {
			name string
			q    Query
			want int
		}{
			{"either end of the listener's port", Query{Port: port}, 3},
			{"either end of the client's port", Query{Port: p, Addr: b.addr, States: Set(Established)}, 2},
			{"local", Query{LocalPort: port}, 2},
			{"peer", Query{PeerPort: port}, 1},
			{"both", Query{LocalPort: p, PeerPort: port}, 1},
			{"crossed", Query{LocalPort: p, PeerPort: p}, 0},
			{"state", Query{Port: port, States: Set(Listen)}, 1},
			{"two states", Query{Port: port, States: Set(Listen, Established)}, 3},
			{"another state", Query{Port: port, States: Set(TimeWait, Close)}, 0},
			{"address", Query{Port: port, Addr: b.addr}, 3},
			{"another address", Query{Port: port, Addr: netip.MustParseAddr("192.0.2.1")}, 0},
			{"family", Query{Port: port, Family: uint8(b.family)}, 3},
			{"another family", Query{Port: port, Family: unix.AF_INET + unix.AF_INET6 - uint8(b.family)}, 0},
			{"another protocol", Query{Port: port, Protocol: unix.IPPROTO_UDP}, 0},
		} {
			rows, whole, err := Append(within(t), fd, c.q, nil)
			// The kernel gives one ephemeral port to connections of several programs, if they lead elsewhere.
			shared := c.q.Port == p && len(rows) > c.want
			if err != nil || !whole || len(rows) != c.want && !shared {
				t.Errorf("%s: %d rows (whole %v, %v), wanted %d", c.name, len(rows), whole, err, c.want)
			}
			counts, _, err := Count(within(t), fd, c.q)
			sum := 0
			for _, n := range counts {
				sum += n
			}
			if err != nil || sum != c.want && !(c.q.Port == p && sum > c.want) {
				t.Errorf("%s: counted %v (%v), wanted %d", c.name, counts, err, c.want)
			}
		}
	})
}

func TestUDP(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	b := bench{t, unix.AF_INET, netip.MustParseAddr("127.0.0.1")}
	b.check("bind", unix.Bind(fd, b.sockaddr(0)))
	row := await(t, diagSocket(t), Query{Protocol: unix.IPPROTO_UDP, LocalPort: b.port(fd)}, Close)
	if row.Inode == 0 {
		t.Error("no inode")
	}
}
