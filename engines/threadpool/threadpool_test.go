package threadpool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/threadpool"
)

func TestMain(m *testing.M) { enginetest.Main(m, threadpool.Model()) }

func TestConformance(t *testing.T) {
	const threads = 100
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: threads, Is: enginetest.IsThreadPool(threads)},
		enginetest.StartWith(threadpool.Model(), engines.Config{Options: engines.Options{Workers: threads}}))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, threadpool.Model()) }

// TestOneThread: with one thread the model is the iterative one, but for the queue.
func TestOneThread(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1, Is: enginetest.IsThreadPool(1)},
		enginetest.StartWith(threadpool.Model(), engines.Config{Options: engines.Options{Workers: 1}}))
}

// TestFullQueue: more clients than the threads and the queue hold wait in the kernel's queue, are counted there, and a
// stop finds all of them.
func TestFullQueue(t *testing.T) {
	const clients = 200
	s, err := engines.Start(t.Context(), threadpool.Model(), engines.Config{Backlog: clients, Options: engines.Options{Workers: 2}},
		engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
			_, err := c.Recv(ctx, make([]byte, 1))
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		st := s.Stats()
		// Two are served, one is in the hands of who accepts and cannot queue it, and counts as queued.
		if st.Queued == clients-2 && st.Accepted == 2+128+1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d queued, %d accepted", st.Queued, st.Accepted)
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the stop took %v", took)
	}
	if st := s.Stats(); st.Queued != 0 || st.Active != 0 || st.Errors != 0 || st.Threads != 0 {
		t.Errorf("after the stop: %+v", st)
	}
	for i, c := range conns {
		c.SetDeadline(time.Now().Add(time.Second))
		if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("client %d: %d, %v", i, n, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, n := range []int{-1, 1025, 10000} {
		_, err := engines.Start(t.Context(), threadpool.Model(), engines.Config{Options: engines.Options{Workers: n}},
			engines.App{Data: func(*engines.Conn, []byte) ([]byte, error) { return nil, nil }})
		if want := fmt.Sprintf("workers: the model 'threadpool' has 1 to 1024 workers, not %d", n); err == nil || err.Error() != want {
			t.Errorf("%d: %v", n, err)
		}
	}
}
