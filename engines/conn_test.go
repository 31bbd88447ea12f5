package engines_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/engines/select"
	"github.com/nsh-lab/nsh/engines/thread"
)

// pair is a connection dialled with Dial, and the other end of it, Go's own.
func pair(t *testing.T) (*engines.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := engines.Dial(t.Context(), engines.DialOptions{Addr: ln.Addr().String(), Timeout: 5 * time.Second, NoDelay: true})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close(); peer.Close() })
	if c.LocalAddr().String() != peer.RemoteAddr().String() || c.PeerAddr().String() != peer.LocalAddr().String() {
		t.Errorf("addresses: %v %v", c.LocalAddr(), c.PeerAddr())
	}
	return c, peer.(*net.TCPConn)
}

func TestRecv(t *testing.T) {
	c, peer := pair(t)
	ctx := t.Context()
	fmt.Fprint(peer, "one\r\ntwo\n12345678rest")
	for _, want := range []string{"one", "two"} {
		if line, err := c.RecvLine(ctx); string(line) != want || err != nil {
			t.Fatalf("line %q, %v", line, err)
		}
	}
	if got, err := c.RecvN(ctx, 8); string(got) != "12345678" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	peer.CloseWrite()
	var partial *engines.PartialError
	if _, err := c.RecvN(ctx, 10); !errors.As(err, &partial) || string(partial.Partial) != "rest" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%v", err)
	}
	if _, err := c.Recv(ctx, make([]byte, 1)); err != io.EOF {
		t.Fatalf("%v", err)
	}
	if c.State() != "CLOSE_WAIT" || c.Unread() != 0 {
		t.Errorf("state %s, %d unread", c.State(), c.Unread())
	}
}

// TestRecvDeadline: what had come when the time was over is not lost.
func TestRecvDeadline(t *testing.T) {
	c, peer := pair(t)
	fmt.Fprint(peer, "abc")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := c.RecvN(ctx, 10)
	if engines.Code(err) != "ETIMEDOUT" || time.Since(began) > 3*time.Second {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
	fmt.Fprint(peer, "defghij")
	if got, err := c.RecvN(t.Context(), 10); string(got) != "abcdefghij" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
}

// TestCloseWakes: a Close in one goroutine ends the Recv in another.
func TestCloseWakes(t *testing.T) {
	c, _ := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := c.Recv(context.Background(), make([]byte, 1))
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := c.Send(t.Context(), []byte("x")); !errors.Is(err, net.ErrClosed) || c.Fileno() != -1 {
		t.Errorf("after the close: %v, descriptor %d", err, c.Fileno())
	}
}

func TestOptions(t *testing.T) {
	c, peer := pair(t)
	for name, value := range map[string]any{"SO_KEEPALIVE": 1, "TCP_NODELAY": 0, "IP_TTL": 7, "SO_LINGER": 3} {
		if err := c.SetOption(name, value); err != nil {
			t.Errorf("set %s: %v", name, err)
		}
		if got, err := c.GetOption(name); got != value || err != nil {
			t.Errorf("get %s: %v, %v", name, got, err)
		}
	}
	if _, err := c.GetOption("SO_NOSUCH"); engines.Code(err) != "ENOPROTOOPT" {
		t.Error(err)
	}
	for _, name := range engines.OptionNames() {
		if _, err := c.GetOption(name); err != nil && name != "IPV6_UNICAST_HOPS" {
			t.Errorf("get %s: %v", name, err)
		}
	}
	if info, err := c.Info(); err != nil || engines.StateName(info.State) != "ESTABLISHED" {
		t.Error(info, err)
	}
	c.Reset()
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer saw %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	addr := ln.Addr().String()
	ln.Close()
	held := engines.Here{LoopbackOnly: true}
	for _, row := range []struct {
		o    engines.DialOptions
		code string
		says string
	}{
		{engines.DialOptions{Addr: addr}, "ECONNREFUSED", "connect " + addr},
		{engines.DialOptions{Addr: "192.0.2.1:80", Place: held}, "EACCES", "--host"},
		{engines.DialOptions{Addr: "example.org:80", Place: held}, "EACCES", "--host"},
		{engines.DialOptions{Addr: "127.0.0.1:80", From: "192.0.2.9"}, "EADDRNOTAVAIL", ""},
	} {
		_, err := engines.Dial(t.Context(), row.o)
		if engines.Code(err) != row.code || !strings.Contains(fmt.Sprint(err), row.says) {
			t.Errorf("%s: %v", row.o.Addr, err)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1:80", ":8080": "127.0.0.1:8080", "[::1]:5": "[::1]:5", "localhost:0": "localhost:0", "a.b:65535": "a.b:65535",
	} {
		if a, err := engines.ParseAddr(in); err != nil || a.String() != want {
			t.Errorf("%s: %v, %v", in, a, err)
		}
	}
	for in, says := range map[string]string{
		"": "empty", "host": "no port", "host:": "no port", "::1:80": "brackets", "a:65536": "above 65535", "a:x": "number", "a:-1": "number",
		"[::1]": "no port", "[1.2.3.4]:1": "IPv6", "1.2.3.400:1": "IPv4", "a b:1": "cannot be part", "unix:/x": "unix",
		strings.Repeat("a", 256) + ":1": "255",
	} {
		if _, err := engines.ParseAddr(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestStartErrors(t *testing.T) {
	linear := engines.App{Linear: func(context.Context, *engines.Conn) error { return nil }}
	for _, m := range []engines.Model{epoll.Model(), selectmodel.Model()} {
		_, err := engines.Start(t.Context(), m, engines.Config{Known: []engines.Model{m, thread.Model()}}, linear)
		if err == nil || !strings.Contains(err.Error(), "every other one wait") || !strings.Contains(err.Error(), "(thread)") {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	s, err := engines.Start(t.Context(), goroutine.Model(), engines.Config{}, linear)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if _, err := engines.Start(t.Context(), goroutine.Model(), engines.Config{Addr: s.Addr().String()}, linear); engines.Code(err) != "EADDRINUSE" {
		t.Error(err)
	}
	if _, err := engines.Start(t.Context(), goroutine.Model(), engines.Config{Addr: "192.0.2.1:0", Place: engines.Here{LoopbackOnly: true}}, linear); engines.Code(err) != "EACCES" {
		t.Error(err)
	}
}

// TestPython has Python's sockets as the judge of a server: another language, another process.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	echo := engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
	for _, m := range []engines.Model{epoll.Model(), goroutine.Model(), selectmodel.Model(), thread.Model()} {
		s, err := engines.Start(t.Context(), m, engines.Config{}, echo)
		if err != nil {
			t.Fatal(err)
		}
		const client = `
import socket, sys
many = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) for _ in range(50)]
for i, c in enumerate(many): c.sendall(b"%d\n" % i)
for c in many: c.shutdown(socket.SHUT_WR)
for i, c in enumerate(many): print(c.makefile("rb").read() == b"%d\n" % i)
`
		out, err := exec.CommandContext(t.Context(), python, "-c", client, fmt.Sprint(s.Addr().Port())).CombinedOutput()
		n := 0
		for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); n++ {
			if lines.Text() != "True" {
				t.Errorf("%s: python said %q", m.Name, out)
				break
			}
		}
		if n != 50 || err != nil {
			t.Errorf("%s: %d answers, %v: %s", m.Name, n, err, out)
		}
		s.Stop()
	}
}
