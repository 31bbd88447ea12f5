package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
)

const smallZone = `
	; indented, as it stands in a script
	$ORIGIN example.test.
	@          SOA    ns hostmaster 7 3600 600 86400 300
	@          NS     ns
	@          MX     10 mail
	ns         A      192.0.2.53
	mail  60   A      192.0.2.25
	mail  60   AAAA   2001:db8::25
	www        CNAME  Mail
	far        CNAME  www
	out        CNAME  elsewhere.invalid.
	lost       CNAME  nothing
	one        CNAME  two
	two        CNAME  one
	text       TXT    "hello, world" "and more"
	a.b.c      A      192.0.2.3
	*.wild     A      192.0.2.9
	sub        NS     ns.sub
	ns.sub     A      192.0.2.54
	odd\.name  A      192.0.2.10
`

func TestAnswers(t *testing.T) {
	s := server(t, serveOptions{Zone: smallZone})
	for _, c := range []struct{ name, typ, want string }{
		{"mail.example.test", "A", "mail.example.test. 60 A 192.0.2.25"},
		{"MAIL.Example.TEST.", "a", "MAIL.Example.TEST. 60 A 192.0.2.25"},
		{"mail.example.test", "AAAA", "mail.example.test. 60 AAAA 2001:db8::25"},
		{"mail.example.test", "TXT", ""},
		{"example.test", "MX", "example.test. 3600 MX 10 mail.example.test."},
		{"example.test", "NS", "example.test. 3600 NS ns.example.test."},
		{"example.test", "SOA", "example.test. 3600 SOA ns.example.test. hostmaster.example.test. 7 3600 600 86400 300"},
		{"www.example.test", "A", "www.example.test. 3600 CNAME Mail.example.test.|Mail.example.test. 60 A 192.0.2.25"},
		{"www.example.test", "CNAME", "www.example.test. 3600 CNAME Mail.example.test."},
		{"far.example.test", "AAAA", "far.example.test. 3600 CNAME www.example.test.|www.example.test. 3600 CNAME Mail.example.test.|Mail.example.test. 60 AAAA 2001:db8::25"},
		{"www.example.test", "TXT", "www.example.test. 3600 CNAME Mail.example.test."},
		{"out.example.test", "A", "out.example.test. 3600 CNAME elsewhere.invalid."},
		{"one.example.test", "A", "one.example.test. 3600 CNAME two.example.test.|two.example.test. 3600 CNAME one.example.test."},
		{"text.example.test", "TXT", `text.example.test. 3600 TXT "hello, world" "and more"`},
		{"b.c.example.test", "A", ""},
		{"x.wild.example.test", "A", "x.wild.example.test. 3600 A 192.0.2.9"},
		{"y.x.wild.example.test", "A", "y.x.wild.example.test. 3600 A 192.0.2.9"},
		{"wild.example.test", "A", ""},
		{"mail.example.test", "ANY", "mail.example.test. 60 A 192.0.2.25|mail.example.test. 60 AAAA 2001:db8::25"},
		{"mail.example.test", "TYPE28", "mail.example.test. 60 AAAA 2001:db8::25"},
		{`odd\.name.example.test`, "A", `odd\.name.example.test. 3600 A 192.0.2.10`},
		{`odd\046name.example.test`, "A", `odd\.name.example.test. 3600 A 192.0.2.10`},
		{"below.sub.example.test", "A", ""}, // a referral: no answer, and none is claimed
	} {
		for _, proto := range []string{"udp", "tcp"} {
			a, err := ask(t, c.name, asDeclared(s.Addr, func(o *resolveOptions) { o.Type, o.Proto = c.typ, proto }))
			if err != nil {
				t.Errorf("%s %s: %v", c.name, c.typ, err)
				continue
			}
			var rows []string
			for _, r := range a.Records {
				rows = append(rows, fmt.Sprintf("%s %d %s %s", r.Name, r.TTL, r.Type, r.Data))
			}
			if got := strings.Join(rows, "|"); got != c.want {
				t.Errorf("%s %s over %s:\nsaw    %s\nwanted %s", c.name, c.typ, proto, got, c.want)
			}
			if a.Server != s.Addr || a.Rcode != "NOERROR" || a.Took <= 0 || a.Took > 5*time.Second || len(a.Rejected) != 0 {
				t.Errorf("%s %s: %+v", c.name, c.typ, a)
			}
		}
	}
}

func TestWhatTheServerRefuses(t *testing.T) {
	s := server(t, serveOptions{Zone: smallZone})
	one := server(t, serveOptions{Zone: "a.test A 192.0.2.1"})
	for _, c := range []struct {
		name, server, want string
		change             func(*resolveOptions)
	}{
		{"nothing.example.test", s.Addr, "NXDOMAIN", nil},
		{"x.mail.example.test", s.Addr, "NXDOMAIN", nil},
		{"lost.example.test", s.Addr, "NXDOMAIN", nil}, // RFC 6604: the end of the chain decides
		{"elsewhere.invalid", s.Addr, "REFUSED", nil},
		{"test", s.Addr, "REFUSED", nil},
		{".", s.Addr, "REFUSED", nil},
		{"mail.example.test", s.Addr, "REFUSED", func(o *resolveOptions) { o.Class = "CH" }},
		{"b.test", one.Addr, "NXDOMAIN", nil},
		{"a.invalid", one.Addr, "REFUSED", nil},
	} {
		_, err := ask(t, c.name, asDeclared(c.server, func(o *resolveOptions) {
			if c.change != nil {
				c.change(o)
			}
		}))
		if code(err) != c.want {
			t.Errorf("%s: %v, wanted %s", c.name, err, c.want)
		}
	}
}

func TestNegativeAnswersHaveAnSOA(t *testing.T) {
	s := server(t, serveOptions{Zone: smallZone})
	a, err := ask(t, "mail.example.test", asDeclared(s.Addr, func(o *resolveOptions) { o.Type = "TXT" }))
	if err != nil || !strings.Contains(a.Message, "example.test.\t300\tIN\tSOA") {
		t.Errorf("no SOA with the negative TTL: %v\n%+v", err, a)
	}
	if s := a.String(); !strings.HasPrefix(s, "no data (NOERROR from 127.0.0.1:") {
		t.Errorf("an empty answer is shown as %q", s)
	}
}

func TestNobodyAnswers(t *testing.T) {
	silent := hostile(t, func([]byte) [][]byte { return nil })
	for _, proto := range []string{"udp", "tcp"} {
		// Nobody there is known at once; somebody silent costs the timeout and no more.
		gone := server(t, serveOptions{Zone: "a.test. A 192.0.2.1"})
		gone.close()
		_, err := ask(t, "a.test", asDeclared(gone.Addr, func(o *resolveOptions) { o.Proto = proto }))
		if code(err) != "ECONNREFUSED" {
			t.Errorf("%s, nobody there: %v", proto, err)
		}
	}
	start := time.Now()
	_, err := ask(t, "a.test", asDeclared(silent, func(o *resolveOptions) { o.Timeout = 150 * time.Millisecond; o.Tries = 3 }))
	if took := time.Since(start); code(err) != "ETIMEDOUT" || took < 150*time.Millisecond || took > 2*time.Second {
		t.Errorf("silent, after %v: %v", took, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	start = time.Now()
	_, err = lookup(ctx, engines.Here{}, "a.test", asDeclared(silent))
	if code(err) != "ECANCELED" || time.Since(start) > 2*time.Second {
		t.Errorf("cancelled, after %v: %v", time.Since(start), err)
	}
}

func TestTriesSendAgain(t *testing.T) {
	s := server(t, serveOptions{Zone: "a.test. A 192.0.2.1", Drop: 0.5})
	a, err := ask(t, "a.test", asDeclared(s.Addr, func(o *resolveOptions) { o.Timeout = 2 * time.Second; o.Tries = 10 }))
	if err != nil || len(a.Records) != 1 {
		t.Fatalf("the second query is answered: %v", err)
	}
	if st := s.Stats(); st.Queries != 2 || st.Dropped != 1 || st.Answers != 1 || st.UDP != 2 {
		t.Errorf("saw %+v", st)
	}
}

func TestALargeAnswerGoesOverTCP(t *testing.T) {
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "big.test. TXT \"%d %s\"\n", i, strings.Repeat("x", 200))
	}
	s := server(t, serveOptions{Zone: zone.String()})
	a, err := ask(t, "big.test", asDeclared(s.Addr, func(o *resolveOptions) { o.Type = "TXT" }))
	if err != nil || len(a.Records) != 100 {
		t.Fatalf("%v %v", err, a)
	}
	if st := s.Stats(); st.UDP != 1 || st.TCP != 1 || st.Truncated != 1 {
		t.Errorf("saw %+v, wanted one query over UDP, cut, and one over TCP", st)
	}
	// With room for it no second question is needed.
	small := server(t, serveOptions{Zone: strings.Join(strings.Split(zone.String(), "\n")[:5], "\n")})
	a, err = ask(t, "big.test", asDeclared(small.Addr, func(o *resolveOptions) { o.Type = "TXT" }))
	if err != nil || len(a.Records) != 5 || small.Stats().TCP != 0 {
		t.Errorf("1,100 bytes fit into EDNS's 1232: %v, %+v", err, small.Stats())
	}
	a, err = ask(t, "big.test", asDeclared(small.Addr, func(o *resolveOptions) { o.Type, o.EDNS = "TXT", 0 }))
	if err != nil || len(a.Records) != 5 || small.Stats().TCP != 1 {
		t.Errorf("and not into 512: %v, %+v", err, small.Stats())
	}
}

func TestATruncatedAnswerThatCannotBeReadIsStillTruncated(t *testing.T) {
	addr := hostile(t, func(q []byte) [][]byte {
		r := rawReply(q, nil)
		r[2] |= 2 // TC, with an answer announced and none there
		return [][]byte{r}
	})
	// Nobody listens on TCP there: that the refusal comes shows that it was tried.
	if _, err := ask(t, "a.test", asDeclared(addr)); code(err) != "ECONNREFUSED" {
		t.Errorf("saw %v", err)
	}
}

func TestTheServersWord(t *testing.T) {
	for rcode, want := range map[int]string{
		mdns.RcodeServerFailure: "SERVFAIL", mdns.RcodeRefused: "REFUSED", mdns.RcodeNameError: "NXDOMAIN",
		mdns.RcodeFormatError: "FORMERR", mdns.RcodeNotImplemented: "NOTIMP", 14: "RCODE14",
	} {
		addr := hostile(t, func(q []byte) [][]byte {
			return [][]byte{lie(q, func(m *mdns.Msg) { m.Rcode, m.Answer = rcode, nil })}
		})
		if _, err := ask(t, "a.test", asDeclared(addr)); code(err) != want {
			t.Errorf("rcode %d: %v", rcode, err)
		}
	}
}

func TestServerOverIPv6(t *testing.T) {
	s, err := newServer(context.Background(), engines.Here{}, serveOptions{Zone: "a.test. A 192.0.2.1", Addr: new("[::1]:0")})
	var op *net.OpError
	if errors.As(err, &op) || code(err) == "EADDRNOTAVAIL" || code(err) == "EAFNOSUPPORT" {
		t.Skipf("no IPv6 loopback here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, proto := range []string{"udp", "tcp"} {
		if _, err := ask(t, "a.test", asDeclared(s.Addr, func(o *resolveOptions) { o.Proto = proto })); err != nil {
			t.Errorf("%s: %v", proto, err)
		}
	}
}
