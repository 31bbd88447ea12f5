package epoll_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/epoll"
)

func TestMain(m *testing.M) { enginetest.Main(m, epoll.Model(), edgy(), manned()) }

// edgy is the model with edges unless told otherwise, and manned the one with three workers: for tests that name a model.
func edgy() engines.Model {
	m := epoll.Model()
	make := m.New
	m.Name = "edgy"
	m.New = func(o engines.Options) (engines.Engine, error) { o.Trigger = "edge"; return make(o) }
	return m
}

func manned() engines.Model {
	m := epoll.Model()
	m.Name, m.Workers = "manned", 3
	return m
}

func TestConformance(t *testing.T) {
	for name, v := range map[string]struct {
		cfg engines.Config
		is  func(context.Context, enginetest.Starter) error
	}{
		"level":      {engines.Config{}, enginetest.IsEpoll},
		"edge":       {engines.Config{Options: engines.Options{Trigger: "edge"}}, enginetest.IsEdgeEpoll},
		"workers":    {engines.Config{Options: engines.Options{Workers: 3}}, enginetest.IsWorkersEpoll(3, 1)},
		"reuse_port": {engines.Config{ReusePort: true, Options: engines.Options{Workers: 3}}, enginetest.IsWorkersEpoll(3, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, enginetest.Promise{Events: true, Crowd: 1000, Is: v.is}, enginetest.StartWith(epoll.Model(), v.cfg))
		})
	}
}

func TestDatagrams(t *testing.T) {
	for name, cfg := range map[string]engines.Config{
		"one":        {},
		"workers":    {Options: engines.Options{Workers: 3}},
		"reuse_port": {ReusePort: true, Options: engines.Options{Workers: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.RunDatagrams(t, enginetest.Promise{Events: true}, enginetest.StartDatagrams(epoll.Model(), cfg))
		})
	}
}

func TestShortage(t *testing.T) {
	for _, m := range []engines.Model{epoll.Model(), edgy(), manned()} {
		t.Run(m.Name, func(t *testing.T) { enginetest.RunShortage(t, m) })
	}
}

func TestNoGarbage(t *testing.T) {
	for _, m := range []engines.Model{epoll.Model(), edgy(), manned()} {
		t.Run(m.Name, func(t *testing.T) { enginetest.RunNoGarbage(t, m) })
	}
}

func TestRest(t *testing.T) {
	for _, m := range []engines.Model{epoll.Model(), edgy(), manned()} {
		t.Run(m.Name, func(t *testing.T) { enginetest.RunRest(t, m, 100) })
	}
}

// TestTriggers: of six bytes that came at once a handler reads two each time it is called. It is called until none is
// left when it is told of a level; of an edge it is told once, and again when more has come.
func TestTriggers(t *testing.T) {
	for trigger, wanted := range map[string][]int64{"level": {6, 8, 10}, "edge": {2, 4, 6}} {
		t.Run(trigger, func(t *testing.T) {
			var calls atomic.Int64
			s, err := engines.Start(t.Context(), epoll.Model(), engines.Config{Options: engines.Options{Trigger: trigger}},
				engines.App{Readable: func(c *engines.Conn) error {
					calls.Add(1)
					var two [2]byte
					_, err := c.Read(two[:])
					return err
				}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for i, piece := range []string{"aabbcc", "dd", "ee"} {
				c.Write([]byte(piece))
				read := wanted[i]
				for deadline := time.Now().Add(5 * time.Second); s.Stats().BytesIn < read && time.Now().Before(deadline); {
					time.Sleep(time.Millisecond)
				}
				// Nothing more comes: each turn that was to come would have come with the others.
				time.Sleep(30 * time.Millisecond)
				if got := s.Stats().BytesIn; got != read || calls.Load() != read/2 {
					t.Errorf("after %q: %d bytes read in %d calls, and not %d", piece, got, calls.Load(), read)
				}
			}
		})
	}
}

// TestFastSender: under edges a connection that always has more to read leaves the others their turn.
func TestFastSender(t *testing.T) {
	s, err := engines.Start(t.Context(), edgy(), engines.Config{},
		engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) {
			if len(data) == 1 {
				return data, nil
			}
			time.Sleep(time.Millisecond) // slower than the sender, so that there always is more
			return nil, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	fast, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for flood := make([]byte, 1<<20); ; {
			if _, err := fast.Write(flood); err != nil {
				return
			}
		}
	}()
	for range 5 {
		c, err := engines.Dial(t.Context(), engines.DialOptions{Addr: s.Addr().String(), Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c.Send(ctx, []byte("x"))
		if _, err := c.RecvN(ctx, 1); err != nil {
			t.Error(err)
		}
		cancel()
		c.Close()
	}
	fast.Close()
	<-over
}

func TestOptions(t *testing.T) {
	echo := engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
	for want, o := range map[string]engines.Options{
		"workers: the model 'epoll' has 1 to 256 workers, not 10000": {Workers: 10000},
		"1 to 256 workers, not -1":                                   {Workers: -1},
		`trigger: "level" or "edge" is expected, not "ledge"`:        {Trigger: "ledge"},
	} {
		if _, err := engines.Start(t.Context(), epoll.Model(), engines.Config{Options: o}, echo); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", o, err)
		}
	}
}

// TestTooFewDescriptors: workers for which there are no descriptors are no half server, and leave nothing behind.
func TestTooFewDescriptors(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 32
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	echo := engines.App{Data: func(_ *engines.Conn, data []byte) ([]byte, error) { return data, nil }}
	for _, reusePort := range []bool{false, true, false, true} {
		_, err := engines.Start(t.Context(), epoll.Model(), engines.Config{ReusePort: reusePort, Options: engines.Options{Workers: 64}}, echo)
		if engines.Code(err) != "EMFILE" {
			t.Errorf("64 workers with 32 descriptors: %v", err)
		}
	}
	s, err := engines.Start(t.Context(), epoll.Model(), engines.Config{Options: engines.Options{Workers: 2}}, echo)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
}
