package handlers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/engines/handlers"
)

// on runs f against a native handler on an event model and on one of flows.
func on(t *testing.T, name string, f func(t *testing.T, s *engines.Server, dial func() net.Conn)) {
	for _, model := range []engines.Model{epoll.Model(), goroutine.Model()} {
		t.Run(model.Name, func(t *testing.T) {
			for _, h := range handlers.All() {
				if h.Name != name {
					continue
				}
				s, err := engines.Start(context.Background(), model, engines.Config{}, h.App)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Stop()
				f(t, s, func() net.Conn {
					c, err := net.Dial("tcp", s.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					c.SetDeadline(time.Now().Add(20 * time.Second))
					t.Cleanup(func() { c.Close() })
					return c
				})
			}
		})
	}
}

func TestEcho(t *testing.T) {
	on(t, "echo", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		c := dial()
		fmt.Fprint(c, "hello")
		c.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestDiscard(t *testing.T) {
	on(t, "discard", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		c := dial()
		if _, err := c.Write(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
		c.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); len(got) != 0 || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if in := s.Stats().BytesIn; in != 4<<20 {
			t.Errorf("%d bytes counted", in)
		}
	})
}

func TestDaytime(t *testing.T) {
	on(t, "daytime", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		got, err := io.ReadAll(dial())
		if err != nil || !strings.HasSuffix(string(got), "\r\n") || !strings.Contains(string(got), time.Now().Format("2006")) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// TestChargen reads slowly enough for the server's queue to fill, and checks every line of it.
func TestChargen(t *testing.T) {
	on(t, "chargen", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		c := dial()
		got := make([]byte, 74*95*2000)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.SplitAfter(got, []byte("\n")) {
			if len(line) == 0 {
				break
			}
			for j := range 72 {
				if want := byte(' ' + (i+j)%95); line[j] != want {
					t.Fatalf("line %d, character %d is %q and not %q", i, j, line[j], want)
				}
			}
			if string(line[72:]) != "\r\n" {
				t.Fatalf("line %d ends with %q", i, line[72:])
			}
		}
		if unsent := s.Stats().Unsent; unsent > engines.DefaultSendLimit+74*95 {
			t.Errorf("%d bytes are queued", unsent)
		}
	})
}

func TestHTTP(t *testing.T) {
	const ok, body = "HTTP/1.1 200 OK\r\n", "\r\n\r\nHello from nsh.\n"
	long := "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 9000) + "\r\n\r\n"
	rows := []struct{ name, ask, begins, contains string }{
		{"get", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", ok, body},
		{"bare LF", "GET / HTTP/1.1\nHost: x\nConnection: close\n\n", ok, body},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", ok, body},
		{"head", "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", ok, "Content-Length: 16"},
		{"body is skipped", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /GET / HTTP/1.0\r\n\r\n", ok, body},
		{"post", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501", "close"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "close"},
		{"garbage", "\x16\x03\x01\x02\x00", "HTTP/1.1 400", "close"},
		{"lower case", "get / http/1.1\r\n\r\n", "HTTP/1.1 400", "close"},
		{"negative length", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400", "close"},
		{"long header", long, "HTTP/1.1 431", "close"},
	}
	on(t, "http", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		for _, row := range rows {
			c := dial()
			fmt.Fprint(c, row.ask)
			got, _ := io.ReadAll(c)
			if text := string(got); !strings.HasPrefix(text, row.begins) || !strings.Contains(text, row.contains) {
				t.Errorf("%s: got %q", row.name, text)
			}
		}
	})
}

// TestHTTPPieces sends two requests at once, and one byte by byte.
func TestHTTPPieces(t *testing.T) {
	on(t, "http", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		c := dial()
		const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		fmt.Fprint(c, get, get)
		for _, b := range []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") {
			if _, err := c.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(c)
		if n := strings.Count(string(got), "Hello from nsh.\n"); n != 3 || err != nil {
			t.Errorf("%d answers, %v", n, err)
		}
	})
}

// TestCurl has curl as the judge: two requests over one connection.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	on(t, "http", func(t *testing.T, s *engines.Server, dial func() net.Conn) {
		url := "http://" + s.Addr().String() + "/"
		out, err := exec.Command(curl, "-sS", "--max-time", "10", "--noproxy", "*", "-w", "%{http_code} %{num_connects}\n", url, url).CombinedOutput()
		if want := "Hello from nsh.\n200 1\nHello from nsh.\n200 0\n"; string(out) != want || err != nil {
			t.Errorf("curl said %q, %v", out, err)
		}
	})
}
