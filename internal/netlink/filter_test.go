package netlink

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel itself skips what a query does not mean: the messages that come are as many as the rows that match, before
// Matches has looked at one.
func TestKernelFilters(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		ln, port := b.listen(8)
		_, _, client := b.pair(ln, port)
		b.pair(ln, port)
		addr := b.addr.Unmap()
		other := netip.MustParseAddr("192.0.2.1")
		for _, c := range []struct {
			name string
			q    Query
			want int
		}{
			{"port", Query{Port: port}, 5},
			{"two ports, either end", Query{Port: client, PeerPort: port}, 1},
			{"two ports", Query{Port: client, LocalPort: port}, 1},
			{"address and port of one end", Query{Addr: addr, AddrPort: client, LocalPort: port}, 1},
			{"the address and port of no end", Query{Addr: addr, AddrPort: 1}, 0},
			{"port, and another's address", Query{Port: port, Addr: other}, 0},
			{"port and address", Query{Port: port, Addr: addr}, 5},
			{"port and interface", Query{Port: port, Iface: 1 << 20}, 0},
			{"all of it", Query{Port: port, PeerPort: client, Addr: addr, AddrPort: client, States: Set(Established)}, 1},
		} {
			if c.q.States == 0 { // in TIME_WAIT others may have the port
				c.q.States = Set(Established, Listen)
			}
			if got := messages(t, c.q); got != c.want {
				t.Errorf("%s: the kernel sent %d, wanted %d", c.name, got, c.want)
			}
			rows, _, err := Append(within(t), diagSocket(t), c.q, nil)
			if err != nil || len(rows) != c.want {
				t.Errorf("%s: %d rows, wanted %d: %v", c.name, len(rows), c.want, err)
			}
		}
	})
}

// messages is how many sockets the kernel sends for a question.
func messages(t *testing.T, q Query) (n int) {
	t.Helper()
	c := newConn(diagSocket(t))
	for _, family := range q.families() {
		typ, question := q.request(family)
		seq, err := c.request(within(t), typ, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, question)
		if err != nil {
			t.Fatal(err)
		}
		for done := false; !done; {
			data, _, err := c.receive(within(t))
			if err != nil {
				t.Fatal(err)
			}
			for m, rest, ok := nextMessage(data); ok && !done; m, rest, ok = nextMessage(rest) {
				switch {
				case m.seq != seq:
				case m.typ == unix.NLMSG_DONE, m.typ == unix.NLMSG_ERROR:
					if no := errno(m.payload); no != 0 {
						t.Fatal(no)
					}
					done = true
				default:
					n++
				}
			}
		}
	}
	return n
}

// One socket is found by its addresses, in every state that it has, and not the listener in its place.
func TestAsk(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		ln, port := b.listen(8)
		server, client, clientPort := b.pair(ln, port)
		a := NewAsker(diagSocket(t))
		mine, theirs := netip.AddrPortFrom(b.addr.Unmap(), clientPort), netip.AddrPortFrom(b.addr.Unmap(), port)
		state := func(local, peer netip.AddrPort) State {
			s, ok, err := a.Ask(within(t), local, peer)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return 0
			}
			return s.State
		}
		if c, s := state(mine, theirs), state(theirs, mine); c != Established || s != Established {
			t.Errorf("%v, %v", c, s)
		}
		if got := state(theirs, netip.AddrPortFrom(b.addr.Unmap(), 1)); got != 0 {
			t.Errorf("of a connection that is not there: %v", got)
		}
		unix.Shutdown(client, unix.SHUT_WR)
		await(t, diagSocket(t), Query{LocalPort: port, PeerPort: clientPort}, CloseWait)
		if s := state(theirs, mine); s != CloseWait {
			t.Errorf("server in %v", s)
		}
		unix.Shutdown(server, unix.SHUT_WR)
		await(t, diagSocket(t), Query{LocalPort: clientPort, PeerPort: port}, TimeWait)
		if c, s := state(mine, theirs), state(theirs, mine); c != TimeWait || s != 0 {
			t.Errorf("client in %v, server in %v", c, s)
		}
	})
}

// The kernel tells of sockets that it frees.
func TestDestroyed(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		ln, port := b.listen(8)
		news := diagSocket(t)
		if err := HearDestroyed(news); err != nil {
			t.Skip("this kernel does not tell: ", err)
		}
		client := b.socket()
		b.check("connect", unix.Connect(client, b.sockaddr(port)))
		server, _, err := unix.Accept4(ln, unix.SOCK_CLOEXEC)
		b.check("accept", err)
		b.check("shutdown", unix.Shutdown(client, unix.SHUT_WR))
		b.check("close", unix.Close(server)) // the last of the two: it is not kept in TIME_WAIT
		clientPort := b.port(client)
		buf, found := make([]byte, 64<<10), false
		for ctx := within(t); !found && ctx.Err() == nil; {
			unix.Poll([]unix.PollFd{{Fd: int32(news), Events: unix.POLLIN}}, 50)
			Destroyed(news, buf, func(s *Socket) { found = found || s.LocalPort() == port && s.PeerPort() == clientPort })
		}
		if !found {
			t.Error("nobody told of it")
		}
	})
}
