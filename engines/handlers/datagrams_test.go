package handlers_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/engines/handlers"
	"github.com/nsh-lab/nsh/engines/iterative"
	"github.com/nsh-lab/nsh/engines/poll"
	selectmodel "github.com/nsh-lab/nsh/engines/select"
)

// overUDP runs f against a native handler on every model that serves datagrams.
func overUDP(t *testing.T, name string, f func(t *testing.T, s *engines.Server, c *net.UDPConn)) {
	for _, model := range []engines.Model{iterative.Model(), selectmodel.Model(), poll.Model(), epoll.Model(), goroutine.Model()} {
		t.Run(model.Name, func(t *testing.T) {
			for _, h := range handlers.All() {
				if h.Name != name {
					continue
				}
				s, err := engines.Start(context.Background(), model, engines.Config{Proto: "udp"}, *h.Datagrams)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Stop()
				f(t, s, client(t, s, 0))
			}
		})
	}
}

// client is a UDP socket with an own port, of the kernel's choice when from is 0.
func client(t *testing.T, s *engines.Server, from int) *net.UDPConn {
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: from}}
	c, err := d.Dial("udp", s.Addr().String())
	if err != nil {
		if engines.Code(err) == "EACCES" || engines.Code(err) == "EADDRINUSE" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

func answer(t *testing.T, c *net.UDPConn, ask string) []byte {
	c.Write([]byte(ask))
	buf := make([]byte, 2000)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestEchoDatagrams(t *testing.T) {
	overUDP(t, "echo", func(t *testing.T, s *engines.Server, c *net.UDPConn) {
		for _, text := range []string{"hello", "", "x"} {
			if got := answer(t, c, text); string(got) != text {
				t.Errorf("%q and not %q", got, text)
			}
		}
	})
}

func TestDiscardDatagrams(t *testing.T) {
	overUDP(t, "discard", func(t *testing.T, s *engines.Server, c *net.UDPConn) {
		for range 10 {
			c.Write([]byte("hello"))
		}
		deadline := time.Now().Add(5 * time.Second)
		for s.Stats().BytesIn < 50 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		c.SetDeadline(time.Now().Add(30 * time.Millisecond))
		if n, err := c.Read(make([]byte, 10)); n > 0 || err == nil || s.Stats().BytesIn != 50 || s.Stats().BytesOut != 0 {
			t.Errorf("%d bytes, %v, %+v", n, err, s.Stats())
		}
	})
}

func TestDaytimeDatagrams(t *testing.T) {
	overUDP(t, "daytime", func(t *testing.T, s *engines.Server, c *net.UDPConn) {
		got := string(answer(t, c, "anything"))
		when, err := time.ParseInLocation("Monday, January 2, 2006 15:04:05-MST\r\n", got, time.Local)
		if err != nil || time.Since(when).Abs() > 5*time.Second {
			t.Errorf("%q: %v", got, err)
		}
	})
}

// RFC 864: a random number, between 0 and 512, of characters.
func TestChargenDatagrams(t *testing.T) {
	overUDP(t, "chargen", func(t *testing.T, s *engines.Server, c *net.UDPConn) {
		lengths := map[int]bool{}
		for range 40 {
			got := answer(t, c, "")
			lengths[len(got)] = true
			if len(got) > 512 || !bytes.HasPrefix(append(got, ` !"#$%`[min(len(got), 6):]...), []byte(` !"#$%`)) {
				t.Fatalf("%d bytes: %q", len(got), got)
			}
		}
		if len(lengths) < 10 {
			t.Errorf("40 answers have %d lengths only", len(lengths))
		}
	})
}

// A datagram that claims to come from another service is not answered: two of them would answer each other for ever.
func TestNoServiceIsAnswered(t *testing.T) {
	overUDP(t, "echo", func(t *testing.T, s *engines.Server, other *net.UDPConn) {
		reserved := client(t, s, 1023)
		reserved.Write([]byte("hello"))
		if got := answer(t, other, "from an ordinary port"); !strings.HasPrefix(string(got), "from") {
			t.Errorf("%q", got)
		}
		reserved.SetDeadline(time.Now().Add(30 * time.Millisecond))
		if n, err := reserved.Read(make([]byte, 10)); err == nil {
			t.Errorf("port 1023 got an answer of %d bytes", n)
		}
	})
}
