package dns

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
)

func TestZoneErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ zone, want string }{
		{"", "has no records"},
		{"; only a comment", "has no records"},
		{"a.test. A 192.0.2.1\nb.test. A 192.0.2\n", `line 2: bad A A: "192.0.2" in "b.test. A 192.0.2"`},
		{"a.test. A 192.0.2.1\n\nb.test. QQ 1\n", "line 3: "},
		{"a.test. CH TXT x", "only class IN"},
		{"$INCLUDE /etc/passwd", "$INCLUDE"},
	} {
		_, err := newServer(context.Background(), engines.Here{}, serveOptions{Zone: c.zone, Addr: new("127.0.0.1:0")})
		if code(err) != "misuse" || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "zone: ") {
			t.Errorf("%q: %v, wanted %q", c.zone, err, c.want)
		}
	}
}

func TestAPortInUse(t *testing.T) {
	s := server(t, serveOptions{Zone: "a.test. A 192.0.2.1"})
	_, err := newServer(context.Background(), engines.Here{}, serveOptions{Zone: "a.test. A 192.0.2.1", Addr: new(s.Addr)})
	if code(err) != "EADDRINUSE" {
		t.Errorf("saw %v", err)
	}
}

func TestAnotherFreePortWhereTCPIsTaken(t *testing.T) {
	// Many servers on free ports beside many TCP listeners: some collide, all start.
	for range 20 {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		server(t, serveOptions{Zone: "a.test. A 192.0.2.1"})
	}
}

// A server bound to every address answers from the one that was asked; the client's socket is connected and would
// not see it otherwise.
func TestAnswersLeaveFromTheAddressThatWasAsked(t *testing.T) {
	s := server(t, serveOptions{Zone: "a.test. A 192.0.2.1", Addr: new("0.0.0.0:0")})
	_, port, _ := net.SplitHostPort(s.Addr)
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"} {
		if _, err := ask(t, "a.test", asDeclared(host+":"+port)); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestDelayIsPerAnswer(t *testing.T) {
	s := server(t, serveOptions{Zone: "a.test. A 192.0.2.1", Delay: 100 * time.Millisecond})
	start := time.Now()
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := lookup(context.Background(), engines.Here{}, "a.test", asDeclared(s.Addr))
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took < 100*time.Millisecond || took > time.Second {
		t.Errorf("20 at once took %v", took)
	}
}

// Packets that are no query get FORMERR or nothing, and the server goes on.
func TestMalformedQueries(t *testing.T) {
	s := server(t, serveOptions{Zone: smallZone})
	c, err := net.Dial("udp4", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := asDeclared("")
	name, _ := wireName("mail.example.test")
	query := newQuestion(name, &o, mdns.TypeA, mdns.ClassINET).packet
	patch := func(f func([]byte)) []byte { p := append([]byte(nil), query...); f(p); return p }
	for _, p := range []struct {
		name   string
		packet []byte
		want   int // an rcode, or -1 for no answer
	}{
		{"three bytes", query[:3], -1},
		{"a response", patch(func(p []byte) { p[2] |= 0x80 }), -1},
		{"a header alone", patch(func(p []byte) {})[:12], mdns.RcodeFormatError},
		{"cut in the name", query[:16], mdns.RcodeFormatError},
		{"a name that points at itself", append(patch(func(p []byte) { p[11] = 0 })[:12], 0xC0, 12, 0, 1, 0, 1), mdns.RcodeFormatError},
		{"two questions", patch(func(p []byte) { p[5] = 2 }), mdns.RcodeFormatError},
		{"no question", patch(func(p []byte) { p[5], p[11] = 0, 0 })[:12], mdns.RcodeFormatError},
		{"an update", patch(func(p []byte) { p[2] |= 5 << 3 }), mdns.RcodeNotImplemented},
		{"another version of EDNS", patch(func(p []byte) { p[len(p)-5] = 1 }), mdns.RcodeBadVers},
	} {
		if _, err := c.Write(p.packet); err != nil {
			t.Fatal(err)
		}
		if p.want < 0 {
			continue // the next answer that comes is not its own: the IDs are compared below
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 2048)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		var m mdns.Msg
		if err := m.Unpack(buf[:n]); err != nil || m.Rcode != p.want || m.Id != binary.BigEndian.Uint16(p.packet) {
			t.Errorf("%s: %v, %v", p.name, err, m.MsgHdr)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		p := append([]byte(nil), query...)
		for range 1 + rnd.IntN(6) {
			p[rnd.IntN(len(p))] ^= byte(1 << rnd.IntN(8))
		}
		c.Write(p[:rnd.IntN(len(p)+1)])
	}
	if _, err := ask(t, "mail.example.test", asDeclared(s.Addr)); err != nil {
		t.Errorf("after all that: %v", err)
	}
	if st := s.Stats(); st.Errors != 0 {
		t.Errorf("saw %+v", st)
	}
}

func TestSeveralQueriesOnOneConnection(t *testing.T) {
	s := server(t, serveOptions{Zone: smallZone})
	c, err := net.Dial("tcp4", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	o := asDeclared("")
	name, _ := wireName("mail.example.test")
	var sent []*question
	for range 3 {
		q := newQuestion(name, &o, mdns.TypeA, mdns.ClassINET)
		sent = append(sent, q)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q.packet))), q.packet...))
	}
	for i, q := range sent {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
		if _, reason := q.match(buf); reason != "" {
			t.Errorf("answer %d: %s", i, reason)
		}
	}
	// The connection is still open when the server stops; that must not hold it.
	start := time.Now()
	s.close()
	if took := time.Since(start); took > time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	before, fds := runtime.NumGoroutine(), descriptors(t)
	for range 20 {
		s, err := newServer(context.Background(), engines.Here{}, serveOptions{
			Zone: "a.test. A 192.0.2.1", Addr: new("127.0.0.1:0"), Delay: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("udp4", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		o := asDeclared("")
		name, _ := wireName("a.test")
		c.Write(newQuestion(name, &o, mdns.TypeA, mdns.ClassINET).packet) // an answer that would come in an hour
		give := time.Now().Add(5 * time.Second)
		for s.Stats().Queries == 0 && time.Now().Before(give) {
			runtime.Gosched()
		}
		c.Close()
		s.close()
		s.close()
	}
	give := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(give) {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
	if n := descriptors(t); n > fds {
		t.Errorf("%d descriptors before, %d after", fds, n)
	}
}

// FuzzReply: whatever a client sends, the server lives, and says only what can be read.
func FuzzReply(f *testing.F) {
	z, err := parseZone(smallZone)
	if err != nil {
		f.Fatal(err)
	}
	o := asDeclared("")
	for _, n := range []string{"mail.example.test", "one.example.test", "x.wild.example.test", "."} {
		name, _ := wireName(n)
		f.Add(newQuestion(name, &o, mdns.TypeA, mdns.ClassINET).packet)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		msg, wire := respond(context.Background(), p, netip.AddrPort{}, false, z.respond)
		if wire == nil {
			return
		}
		var m mdns.Msg
		if err := m.Unpack(wire); err != nil {
			t.Errorf("said %x: %v\n%v", wire, err, msg)
		}
		if !m.Response || len(wire) > 1<<16 {
			t.Errorf("said %v", m.MsgHdr)
		}
	})
}
