package engines_test

import (
	"context"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/engines/handlers"
)

func TestSmoke(t *testing.T) {
	for _, m := range []engines.Model{goroutine.Model(), epoll.Model()} {
		for _, h := range handlers.All() {
			s, err := engines.Start(t.Context(), m, engines.Config{}, h.App)
			if err != nil {
				t.Fatal(err)
			}
			c, err := engines.Dial(t.Context(), engines.DialOptions{Addr: s.Addr().String()})
			if err != nil {
				t.Fatal(err)
			}
			if h.Name != "daytime" {
				c.Send(context.Background(), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
			}
			if h.Name != "discard" {
				buf := make([]byte, 300)
				n, err := c.Recv(t.Context(), buf)
				t.Logf("%s %s %q %v", m.Name, h.Name, buf[:min(n, 60)], err)
			}
			t.Log(c.State(), s.Stats())
			c.Close()
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			t.Logf("%+v", s.Stats())
		}
	}
}
