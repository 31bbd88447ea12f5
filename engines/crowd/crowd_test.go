package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

const role = "crowd-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == role {
		os.Exit(Worker())
	}
	os.Exit(m.Run())
}

// A server accepts and does something with each connection. It is Go's own, which knows nothing of nsh.
type server struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func serve(t *testing.T, network, addr string, do func(net.Conn)) *server {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: ln}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go do(c)
		}
	}()
	t.Cleanup(s.die)
	return s
}

// die closes everything, as the kernel does when a server's process ends.
func (s *server) die() {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

func echo(c net.Conn) { io.Copy(c, c) }

// census is what a crowd must not leave behind.
func census(t *testing.T) func() {
	descriptors := func() int { e, _ := os.ReadDir("/proc/self/fd"); return len(e) }
	time.AfterFunc(0, func() {}) // Go's poller is made with the first timer
	before, routines := descriptors(), runtime.NumGoroutine()
	return func() {
		t.Helper()
		await(t, "nothing left behind", func() (string, bool) {
			kids := strings.Fields(children())
			return fmt.Sprintf("%d descriptors, were %d; %d goroutines, were %d; children %v", descriptors(), before, runtime.NumGoroutine(), routines, kids),
				descriptors() <= before && runtime.NumGoroutine() <= routines && len(kids) == 0
		})
	}
}

func children() (all string) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		text, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		all += string(text) + " "
	}
	return all
}

func await(t *testing.T, what string, f func() (seen string, ok bool)) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		seen, ok := f()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, seen)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func mustOpen(t *testing.T, o Options) *Crowd {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	c, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// places are the ways in which a crowd is held: here, and in seven processes, with sockets of their own and of this one's.
func places(n int) map[string]Options {
	return map[string]Options{
		"here":    {N: n},
		"workers": {N: n, Here: 1, Each: (n + 6) / 7, Args: []string{role}},
		"sockets": {N: n, Here: 1, Each: (n + 6) / 7, Args: []string{role}, Place: elsewhere{}},
	}
}

// elsewhere is a place that is not Here, so that workers have to ask for sockets.
type elsewhere struct{ engines.Here }

func TestHolds(t *testing.T) {
	const n = 300
	for name, o := range places(n) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "tcp", "127.0.0.1:0", echo)
			o.To = s.Addr().String()
			left := census(t)
			ctx := context.Background()
			c := mustOpen(t, o)
			if st := c.Stats(c.All()); st.Opened != n || st.Open != n || len(st.Errors) != 0 || (st.Workers == 7) != (name != "here") {
				t.Errorf("%+v", st)
			}
			long := make([]byte, 300<<10) // more than fits anywhere: it has to be sent and received at the same time
			got := make(chan int)
			go func() { got <- c.Recv(ctx, Part{0, 9}, len(long), 0) }()
			if sent := c.Send(ctx, Part{0, 9}, long); sent != 10 {
				t.Errorf("%d sent", sent)
			}
			if n := <-got; n != 10 {
				t.Errorf("%d received", n)
			}
			if sent, got := c.Send(ctx, c.All(), []byte("ping")), c.Recv(ctx, c.All(), 4, 0); sent != n || got != n {
				t.Errorf("%d sent, %d received", sent, got)
			}
			if got := c.Recv(ctx, Part{10, 19}, 1, 20*time.Millisecond); got != 0 || c.Stats(c.All()).Errors["ETIMEDOUT"] != 10 {
				t.Errorf("%d received nothing, %+v", got, c.Stats(c.All()))
			}
			if done := c.ClosePart(Part{40, 139}, true); done != 100 {
				t.Errorf("%d reset", done)
			}
			if st := c.Stats(Part{100, 199}); st.Open != 60 || st.Opened != 100 || st.Wanted != 100 {
				t.Errorf("%+v", st)
			}
			takeOne(t, c, n-1)
			if _, code := c.Take(ctx, 50); code != "EBADF" {
				t.Errorf("a closed one: %s", code)
			}
			c.Close(false)
			if st := c.Stats(c.All()); st.Open != 0 || st.Opened != n || st.Errors["ETIMEDOUT"] != 10 {
				t.Errorf("after the end: %+v", st)
			}
			s.die()
			left()
		})
	}
}

// takeOne takes a connection out, and uses it.
func takeOne(t *testing.T, c *Crowd, i int) {
	t.Helper()
	ctx := context.Background()
	fd, code := c.Take(ctx, i)
	if code != "" {
		t.Fatal(code)
	}
	conn, err := engines.Adopt(fd, "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Send(ctx, []byte("mine\n"))
	if line, err := conn.RecvLine(ctx); string(line) != "mine" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestRefused(t *testing.T) {
	s := serve(t, "tcp", "127.0.0.1:0", echo)
	s.die()
	for name, o := range places(200) {
		t.Run(name, func(t *testing.T) {
			left := census(t)
			o.To = s.Addr().String()
			c := mustOpen(t, o)
			if st := c.Stats(c.All()); st.Opened != 0 || st.Errors["ECONNREFUSED"] != 200 {
				t.Errorf("%+v", st)
			}
			if _, code := c.Take(context.Background(), 7); code != "ECONNREFUSED" {
				t.Errorf("code %s", code)
			}
			c.Close(false)
			left()
		})
	}
}

// TestTimesOut connects to a listener whose queue is full and stays so.
func TestTimesOut(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	syscall.Listen(fd, 4)
	at, _ := syscall.Getsockname(fd)
	left := census(t)
	c := mustOpen(t, Options{To: "127.0.0.1:" + strconv.Itoa(at.(*syscall.SockaddrInet4).Port), N: 20, Timeout: 300 * time.Millisecond})
	// A queue of 4 has room for 5; and one more may be on its way when it fills.
	if st := c.Stats(c.All()); st.Opened < 5 || st.Opened > 6 || st.Errors["ETIMEDOUT"] != 20-st.Opened {
		t.Errorf("%+v", st)
	}
	c.Close(true)
	left()
}

func TestServerDies(t *testing.T) {
	for name, o := range places(140) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "tcp", "127.0.0.1:0", echo)
			left := census(t)
			o.To = s.Addr().String()
			c := mustOpen(t, o)
			c.Send(context.Background(), c.All(), []byte("x"))
			c.Recv(context.Background(), c.All(), 1, 0)
			s.die()
			await(t, "the end seen at each", func() (string, bool) {
				st := c.Stats(c.All())
				return fmt.Sprintf("%+v", st), st.Ended == 140 && st.Open == 140
			})
			if got := c.Recv(context.Background(), c.All(), 1, 0); got != 0 || c.Stats(c.All()).Errors["EOF"] != 140 {
				t.Errorf("%d, %+v", got, c.Stats(c.All()))
			}
			c.Send(context.Background(), c.All(), []byte("x")) // is answered with RST
			await(t, "the reset seen at each", func() (string, bool) {
				st := c.Stats(c.All())
				return fmt.Sprintf("%+v", st), st.Open == 0 && st.Errors["EPIPE"]+st.Errors["ECONNRESET"] == 140
			})
			c.Close(false)
			left()
		})
	}
}

// TestCancelled ends the opening in the middle.
func TestCancelled(t *testing.T) {
	for name, o := range places(4000) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "tcp", "127.0.0.1:0", echo)
			left := census(t)
			o.To, o.Rate = s.Addr().String(), 500
			ctx, cancel := context.WithCancel(context.Background())
			o.Progress = func(s Stats) {
				if s.Opened > 20 {
					cancel()
				}
			}
			if c, err := Open(ctx, o); !errors.Is(err, context.Canceled) || c != nil {
				t.Errorf("%v, %v", c, err)
			}
			s.die()
			left()
		})
	}
}

func TestRate(t *testing.T) {
	s := serve(t, "tcp", "127.0.0.1:0", echo)
	for name, o := range places(50) {
		t.Run(name, func(t *testing.T) {
			o.To, o.Rate = s.Addr().String(), 100
			began := time.Now()
			c := mustOpen(t, o)
			defer c.Close(true)
			if took := time.Since(began); took < 480*time.Millisecond || c.Stats(c.All()).Open != 50 {
				t.Errorf("50 at 100 a second took %v: %+v", took, c.Stats(c.All()))
			}
		})
	}
}

// TestWorkerDies kills one of the processes.
func TestWorkerDies(t *testing.T) {
	s := serve(t, "tcp", "127.0.0.1:0", echo)
	left := census(t)
	o := places(70)["workers"]
	o.To = s.Addr().String()
	c := mustOpen(t, o)
	pid, _ := strconv.Atoi(strings.Fields(children())[0])
	syscall.Kill(pid, syscall.SIGKILL)
	await(t, "its ten connections gone", func() (string, bool) {
		st := c.Stats(c.All())
		return fmt.Sprintf("%+v", st), st.Open == 60 && st.Errors["EOWNERDEAD"] == 10 && strings.Contains(st.Limit, "SIGKILL")
	})
	if n := c.Send(context.Background(), c.All(), []byte("x")); n != 60 {
		t.Errorf("%d sent", n)
	}
	c.Close(false)
	s.die()
	left()
}

// TestSources has a crowd use several addresses of 127/8, and move on when one has no ports left.
func TestSources(t *testing.T) {
	s := serve(t, "tcp", "127.0.0.1:0", func(net.Conn) {})
	to, _ := engines.ParseAddr(s.Addr().String())
	addrs, _ := engines.Resolve(context.Background(), engines.Here{}, to)
	k := newKeeper(30, func(family int) (int, error) { return engines.Here{}.Socket(family, syscall.SOCK_STREAM, 0) })
	defer k.end()
	k.open(context.Background(), Order{N: 30, To: addrs, Spread: 10, Window: 4}, func(Stats) {})
	await(t, "thirty accepted", func() (string, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		seen := map[string]int{}
		for _, c := range s.conns {
			seen[c.RemoteAddr().(*net.TCPAddr).IP.String()]++
		}
		return fmt.Sprint(seen), len(seen) == 3 && seen["127.1.0.1"] == 10 && seen["127.1.0.3"] == 10
	})
}

func TestUnix(t *testing.T) {
	path := t.TempDir() + "/s"
	s := serve(t, "unix", path, echo)
	left := census(t)
	c := mustOpen(t, Options{To: "unix:" + path, N: 500})
	ctx := context.Background()
	if st := c.Stats(c.All()); st.Open != 500 || c.Send(ctx, c.All(), []byte("x")) != 500 || c.Recv(ctx, c.All(), 1, 0) != 500 {
		t.Errorf("%+v", st)
	}
	c.Close(false)
	s.die()
	left()
}

// TestMemory holds a few thousand connections, whose servers are another thing than this heap.
func TestMemory(t *testing.T) {
	const n = 3000
	fd, _ := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	defer syscall.Close(fd)
	syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err := syscall.Listen(fd, 4096); err != nil {
		t.Fatal(err)
	}
	at, _ := syscall.Getsockname(fd)
	if text, _ := os.ReadFile("/proc/sys/net/core/somaxconn"); len(strings.TrimSpace(string(text))) < 4 {
		t.Skip("net.core.somaxconn is too small for connections that nobody accepts")
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	c := mustOpen(t, Options{To: "127.0.0.1:" + strconv.Itoa(at.(*syscall.SockaddrInet4).Port), N: n})
	defer c.Close(true)
	if after, st := heap(), c.Stats(c.All()); st.Open != n || after > before && (after-before)/n > 64 {
		t.Errorf("%d bytes for each of %d connections", (after-before)/n, st.Open)
	} else {
		t.Logf("%.1f bytes for each", float64(int64(after)-int64(before))/n)
	}
}

func TestTooMany(t *testing.T) {
	for what, o := range map[string]Options{
		"n = 300000 is more than the ports of one address": {To: "[::1]:9", N: 300000, Args: []string{role}},
		"the descriptors of a process allow":               {To: "127.0.0.1:9", N: 90000000},
		"the memory allows":                                {To: "127.0.0.1:9", N: 90000000, Args: []string{role}},
		"one address with one port":                        {To: "127.0.0.1:9", From: "127.0.0.1:4000", N: 2},
	} {
		_, err := Open(context.Background(), o)
		var over *LimitError
		if !errors.As(err, &over) || over.Works < 1 || over.Works >= o.N || engines.Code(err) == "" {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, what) && over.Errno != syscall.ENFILE || !strings.HasSuffix(text, fmt.Sprintf("n = %d would work", over.Works)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
