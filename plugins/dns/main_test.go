package dns

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// asDeclared are the options with the defaults of their tags, in short form.
func asDeclared(server string, change ...func(*resolveOptions)) resolveOptions {
	o := resolveOptions{
		Type: "A", Server: server, Timeout: 5 * time.Second, Tries: 2, Proto: "udp", MixCase: true, Recurse: true,
		Class: "IN", EDNS: 1232,
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func ask(tb testing.TB, name string, o resolveOptions) (*Answer, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return lookup(ctx, engines.Here{}, name, o)
}

func code(err error) string {
	var f *lua.Fault
	var m *lua.Misuse
	switch {
	case errors.As(err, &f):
		return f.Code
	case errors.As(err, &m):
		return "misuse"
	case err != nil:
		return err.Error()
	}
	return ""
}

func server(tb testing.TB, o serveOptions) *Server {
	tb.Helper()
	before := descriptors(tb)
	s, err := newServer(context.Background(), engines.Here{}, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.close()
		if after := descriptors(tb); after > before {
			tb.Errorf("%d descriptors before the server, %d after", before, after)
		}
	})
	return s
}

// descriptors counts this process's, after Go's poller has made its own, which stay.
func descriptors(tb testing.TB) int {
	tb.Helper()
	if r, w, err := os.Pipe(); err == nil {
		r.SetDeadline(time.Time{})
		r.Close()
		w.Close()
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(list)
}

// hostile is a UDP server that answers each query with what the test says, in that order.
func hostile(tb testing.TB, replies func(query []byte) [][]byte) string {
	tb.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	tb.Cleanup(func() { c.Close(); <-ended })
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			for _, r := range replies(append([]byte(nil), buf[:n]...)) {
				c.WriteToUDPAddrPort(r, from)
			}
		}
	}()
	return c.LocalAddr().String()
}
