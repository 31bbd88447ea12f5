package trail

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
	"github.com/nsh-lab/nsh/lua/show"
)

var (
	clientAddr = netip.MustParseAddrPort("10.0.1.2:40000")
	serverAddr = netip.MustParseAddrPort("10.0.2.2:80")
)

const (
	syn    = packet.SYN
	synACK = packet.SYN | packet.ACK
	ack    = packet.ACK
	finACK = packet.FIN | packet.ACK
	rstACK = packet.RST | packet.ACK
)

// A story tells a Record of what happens between two hosts that are 5 ms apart.
type story struct {
	r   *Record
	now time.Time
}

func newStory() *story { return &story{New(80, true), time.Now()} }

func (s *story) wait(d time.Duration) { s.now = s.now.Add(d) }

// leaves is told of a segment on its way out; what it gives tells of its arrival, now.
func (s *story) leaves(fromClient bool, flags uint8, seq, ack uint32) (arrives func()) {
	src, dst, a, b := clientAddr, serverAddr, "a", "b"
	if !fromClient {
		src, dst, a, b = dst, src, b, a
	}
	p := packet.Packet{Time: s.now, Out: true, Name: "tcp", Src: src, Dst: dst, TCP: packet.TCP{Flags: flags, Seq: seq, Ack: ack, Window: 1}}
	s.r.Packet(a, &p)
	return func() {
		p.Time, p.Out = s.now, false
		s.r.Packet(b, &p)
	}
}

func (s *story) segment(fromClient bool, flags uint8, seq, ack uint32) {
	arrives := s.leaves(fromClient, flags, seq, ack)
	s.wait(5 * time.Millisecond)
	arrives()
}

func (s *story) handshake() {
	s.segment(true, syn, 99, 0)
	s.segment(false, synACK, 499, 100)
	s.segment(true, ack, 100, 500)
	s.wait(20 * time.Millisecond)
}

// table is told what the kernel's table says of an end now; 0 is nothing.
func (s *story) table(client bool, state netlink.State) {
	if client {
		s.r.Sample("a", clientAddr, serverAddr, state, 7, s.now, s.now.Add(50*time.Microsecond))
	} else {
		s.r.Sample("b", serverAddr, clientAddr, state, 8, s.now, s.now.Add(50*time.Microsecond))
	}
}

func (s *story) trace(client bool, from, to netlink.State) {
	if client {
		s.r.Trace("here", clientAddr, serverAddr, from, to, s.now)
	} else {
		s.r.Trace("here", serverAddr, clientAddr, from, to, s.now)
	}
	s.wait(time.Millisecond)
}

func states(steps []Step) string {
	var out []string
	for _, s := range steps {
		out = append(out, s.To.String())
	}
	return strings.Join(out, " ")
}

func TestPaths(t *testing.T) {
	const est, fw1, fw2, tw = netlink.Established, netlink.FinWait1, netlink.FinWait2, netlink.TimeWait
	const open = "SYN_SENT ESTABLISHED"
	const opened = "SYN_RECV ESTABLISHED"
	for _, c := range []struct {
		name           string
		tell           func(s *story)
		client, server string
	}{
		{"orderly", func(s *story) {
			s.handshake()
			s.segment(true, finACK, 100, 500)
			s.segment(false, ack, 500, 101)
			s.wait(time.Second)
			s.segment(false, finACK, 500, 101)
			s.segment(true, ack, 101, 501)
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT", opened + " CLOSE_WAIT LAST_ACK CLOSE"},
		{"closed at the same time", func(s *story) {
			s.handshake()
			a, b := s.leaves(true, finACK, 100, 500), s.leaves(false, finACK, 500, 100)
			s.wait(5 * time.Millisecond)
			a()
			b()
			s.segment(true, ack, 101, 501)
			s.segment(false, ack, 501, 101)
		}, open + " FIN_WAIT1 CLOSING TIME_WAIT", opened + " FIN_WAIT1 CLOSING TIME_WAIT"},
		{"opened at the same time", func(s *story) {
			a, b := s.leaves(true, syn, 99, 0), s.leaves(false, syn, 499, 0)
			s.wait(5 * time.Millisecond)
			a()
			b()
			a, b = s.leaves(true, synACK, 99, 500), s.leaves(false, synACK, 499, 100)
			s.wait(5 * time.Millisecond)
			a()
			b()
		}, "SYN_SENT SYN_RECV ESTABLISHED", "SYN_SENT SYN_RECV ESTABLISHED"},
		{"refused", func(s *story) {
			s.segment(true, syn, 99, 0)
			s.segment(false, rstACK, 0, 100)
		}, "SYN_SENT CLOSE", ""},
		{"reset", func(s *story) {
			s.handshake()
			s.segment(false, rstACK, 500, 100)
		}, open + " CLOSE", opened + " CLOSE"},
		{"a FIN and the acknowledgement of one in a segment", func(s *story) {
			s.handshake()
			s.segment(true, finACK, 100, 500)
			s.segment(false, finACK, 500, 101)
			s.segment(true, ack, 101, 501)
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT", opened + " CLOSE_WAIT LAST_ACK CLOSE"},
		{"everything twice", func(s *story) {
			for _, twice := range []func(){
				func() { s.segment(true, syn, 99, 0) }, func() { s.segment(false, synACK, 499, 100) }, func() { s.segment(true, ack, 100, 500) },
				func() { s.segment(true, finACK, 100, 500) }, func() { s.segment(false, ack, 500, 101) },
				func() { s.segment(false, finACK, 500, 101) }, func() { s.segment(true, ack, 101, 501) },
			} {
				twice()
				twice()
			}
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT", opened + " CLOSE_WAIT LAST_ACK CLOSE"},
		{"sequence numbers that go round", func(s *story) {
			s.segment(true, syn, 1<<32-1, 0)
			s.segment(false, synACK, 1<<32-1, 0)
			s.segment(true, ack, 0, 0)
			s.segment(true, finACK, 0, 0)
			s.segment(false, ack, 0, 1)
		}, open + " FIN_WAIT1 FIN_WAIT2", opened + " CLOSE_WAIT"},
		{"the accept queue is full: the table knows of no connection", func(s *story) {
			s.table(false, 0)
			s.handshake()
			s.table(true, est)
			s.table(false, netlink.SynRecv)
		}, open, "SYN_RECV"},
		{"and then there is room", func(s *story) {
			s.handshake()
			s.table(false, netlink.SynRecv)
			s.wait(time.Second)
			s.table(false, est)
		}, open, opened},
		{"asked a moment too early the table proves nothing", func(s *story) {
			s.segment(true, syn, 99, 0)
			s.segment(false, synACK, 499, 100)
			s.segment(true, ack, 100, 500)
			s.wait(100 * time.Microsecond)
			s.table(false, netlink.SynRecv)
		}, open, opened},
		{"the table alone", func(s *story) {
			for _, st := range []netlink.State{netlink.SynSent, est, est, fw1, fw2, fw2, tw, tw, 0} {
				s.table(true, st)
				s.wait(10 * time.Millisecond)
			}
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE", ""},
		{"gaps in the table", func(s *story) {
			s.table(true, est)
			s.wait(time.Second)
			s.table(true, tw)
		}, "ESTABLISHED TIME_WAIT", ""},
		{"the end of TIME_WAIT", func(s *story) {
			s.handshake()
			s.segment(true, finACK, 100, 500)
			s.segment(false, finACK, 500, 101)
			s.table(true, tw)
			s.segment(true, ack, 101, 501)
			s.wait(time.Minute)
			s.table(true, 0)
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE", opened + " CLOSE_WAIT LAST_ACK CLOSE"},
		{"traced, with TIME_WAIT from the table", func(s *story) {
			s.trace(true, netlink.Close, netlink.SynSent)
			s.trace(false, netlink.SynRecv, est) // the one before had no addresses yet
			s.trace(true, netlink.SynSent, est)
			s.trace(true, est, fw1)
			s.trace(false, est, netlink.CloseWait)
			s.trace(true, fw1, fw2)
			s.trace(false, netlink.CloseWait, netlink.LastAck)
			s.trace(true, fw2, netlink.Close)
			s.trace(false, netlink.LastAck, netlink.Close)
			s.r.Sample("here", clientAddr, serverAddr, tw, 7, s.now, s.now)
		}, open + " FIN_WAIT1 FIN_WAIT2 TIME_WAIT", opened + " CLOSE_WAIT LAST_ACK CLOSE"},
		{"traced, given up in FIN_WAIT2", func(s *story) {
			s.trace(true, netlink.Close, netlink.SynSent)
			s.trace(true, netlink.SynSent, est)
			s.trace(true, est, fw1)
			s.trace(true, fw1, fw2)
			s.trace(true, fw2, netlink.Close)
			s.r.Sample("here", clientAddr, serverAddr, 0, 0, s.now, s.now)
		}, open + " FIN_WAIT1 FIN_WAIT2 CLOSE", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory()
			c.tell(s)
			all := s.r.Paths()
			if len(all) != 1 {
				t.Fatalf("%d connections", len(all))
			}
			p := all[0]
			if p.Client != clientAddr || p.Server != serverAddr {
				t.Errorf("client %v, server %v", p.Client, p.Server)
			}
			if got := states(p.Steps[0]); got != c.client {
				t.Errorf("client went %s\nwanted %s", got, c.client)
			}
			if got := states(p.Steps[1]); got != c.server {
				t.Errorf("server went %s\nwanted %s", got, c.server)
			}
			drawn(t, p.Draw())
			drawn(t, Diagram(&p))
			drawn(t, DrawLadder(s.r.Events()))
		})
	}
}

// drawn holds what is drawn to 80 columns.
func drawn(t *testing.T, lines [][]show.Run) {
	t.Helper()
	for _, line := range strings.Split(show.Plain(lines), "\n") {
		if show.Width(line) > 80 {
			t.Errorf("%d columns: %s", show.Width(line), line)
		}
	}
}

// A syn cookie leaves nothing in the table: the server's first trace of the connection is that it is established.
func TestSynCookie(t *testing.T) {
	s := newStory()
	s.segment(true, syn, 99, 0)
	s.segment(false, synACK, 499, 100)
	s.wait(10 * time.Millisecond)
	s.r.mu.Lock()
	s.r.all[0].ends[1].where = "b" // where the table was asked
	s.r.mu.Unlock()
	s.table(false, 0)
	if got := states(s.r.Paths()[0].Steps[1]); got != "" {
		t.Errorf("before the acknowledgement: %s", got)
	}
}

// The same two addresses again are another connection.
func TestAgain(t *testing.T) {
	s := newStory()
	for i := range uint32(3) {
		n := i * 1000
		s.segment(true, syn, n+99, 0)
		s.segment(false, synACK, n+499, n+100)
		s.segment(true, ack, n+100, n+500)
		s.segment(false, rstACK, n+500, n+100)
		s.wait(time.Second)
	}
	all := s.r.Paths()
	if len(all) != 3 {
		t.Fatalf("%d connections", len(all))
	}
	for _, p := range all {
		if got := states(p.Steps[0]); got != "SYN_SENT ESTABLISHED CLOSE" {
			t.Error(got)
		}
	}
}

// Without a known port the SYN says who the client is, also when something else was seen before.
func TestWhoIsTheClient(t *testing.T) {
	s := &story{New(0, false), time.Now()}
	s.r.Sample("b", serverAddr, clientAddr, netlink.SynRecv, 8, s.now, s.now)
	s.segment(true, syn, 99, 0)
	p := s.r.Paths()[0]
	if p.Client != clientAddr || states(p.Steps[0]) != "SYN_SENT" || states(p.Steps[1]) != "SYN_RECV" {
		t.Errorf("client %v: %s; server: %s", p.Client, states(p.Steps[0]), states(p.Steps[1]))
	}
}

// A record of many connections keeps what tells of states and no more, and leaves off at a limit.
func TestRoom(t *testing.T) {
	r := New(80, false)
	now := time.Now()
	p := packet.Packet{Time: now, Loop: true, Name: "tcp", Src: clientAddr, Dst: serverAddr, TCP: packet.TCP{Flags: syn, Seq: 99}}
	r.Packet("here", &p)
	p.TCP.Flags = ack
	for i := range uint32(100_000) {
		p.TCP.Ack, p.Len = i, 1000
		r.Packet("here", &p)
	}
	if n := len(r.all[0].ends[0].segments); n > 20 {
		t.Errorf("%d segments of one connection kept", n)
	}
	p.TCP.Flags = syn
	for i := range mostConnections + 9 {
		p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		r.Packet("here", &p)
	}
	if len(r.all) != mostConnections || r.Left() != 10 {
		t.Errorf("%d connections kept, %d left out", len(r.all), r.Left())
	}
}

// The diagram has every state, and lights the arrows that were taken and no others.
func TestDiagram(t *testing.T) {
	s := newStory()
	s.handshake()
	plain := show.Plain(Diagram())
	for _, st := range netlink.States() {
		if !strings.Contains(plain, st.String()) {
			t.Errorf("%v is missing", st)
		}
	}
	if strings.ContainsAny(plain, "━┃┏┓┗┛") {
		t.Errorf("something is lit that nobody took\n%s", plain)
	}
	p := s.r.Paths()[0]
	lit := show.Plain(Diagram(&p))
	for _, want := range []string{"c 0.0ms", "s 5.0ms", "c 10.0ms", "s 15.0ms"} {
		if !strings.Contains(lit, want) {
			t.Errorf("%q is missing in\n%s", want, lit)
		}
	}
	if strings.Contains(lit, "┃  FIN_WAIT1") || !strings.Contains(lit, "┃ ESTABLISHED") {
		t.Errorf("lit wrongly:\n%s", lit)
	}
	s.segment(false, rstACK, 500, 100)
	p = s.r.Paths()[0]
	if text := show.Plain(Diagram(&p)); !strings.Contains(text, "client: ESTABLISHED → CLOSE") {
		t.Errorf("the reset is not said:\n%s", text)
	}
	both := show.Plain(Diagram(&p, &p))
	for _, want := range []string{"2 connections: c clients  s servers", "c 2×", "s 2×", "client: ESTABLISHED → CLOSE 2×: reset"} {
		if !strings.Contains(both, want) {
			t.Errorf("%q is missing in\n%s", want, both)
		}
	}
}

func TestLadder(t *testing.T) {
	s := newStory()
	s.segment(true, syn, 99, 0)
	s.r.Mark("half open", s.now)
	s.r.Note(Event{Time: s.now, Till: s.now, Kind: "call", Text: "Conn:send", Local: serverAddr, Peer: clientAddr})
	s.leaves(false, synACK, 499, 100) // it never arrives
	s.wait(time.Second)
	s.segment(false, synACK, 499, 100)
	got := show.Plain(DrawLadder(s.r.Events()))
	for _, want := range []string{"SYN seq=0", "SYN+ACK seq=0 ack=1", " half open ", "» Conn:send │", "● SYN_RECV │", "│ ● SYN_SENT", "→│ 5.00 ms", "✕"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "SYN+ACK"); n != 2 {
		t.Errorf("a packet that was seen twice is drawn twice:\n%s", got)
	}
	if show.Plain(DrawLadder(nil)) != "no packets" {
		t.Error("an empty one")
	}
}
