package load_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A peer is a server of Go's own: it shares nothing with what is tested.
type peer struct {
	net.Listener
	accepted atomic.Int64
	mu       sync.Mutex
	conns    []net.Conn
	serving  sync.WaitGroup
}

func listen(t testing.TB, serve func(c net.Conn)) *peer {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: ln}
	t.Cleanup(p.stop)
	p.serving.Add(1)
	go func() {
		defer p.serving.Done()
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			p.serving.Add(1)
			go func() { defer p.serving.Done(); defer c.Close(); serve(c) }()
		}
	}()
	return p
}

// stop ends it as a server that dies: with everything at once.
func (p *peer) stop() {
	p.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

func echo(c net.Conn) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }

// config is a load of a listener; change it before it runs.
func config(p net.Listener, n int) load.Config {
	to := p.Addr().(*net.TCPAddr).AddrPort()
	return load.Config{N: n, Depth: 1, Request: []byte(strings.Repeat("x", 64)), Timeout: 5 * time.Second,
		To: raw.NewSockaddr(to, 0), Addr: to, Socket: socket}
}

func socket() (int, error) {
	return syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
}

// run runs a load and makes sure that it leaves nothing open.
func run(t testing.TB, cfg load.Config) *load.Result {
	t.Helper()
	return runUnder(t, context.Background(), cfg)
}

func runUnder(t testing.TB, ctx context.Context, cfg load.Config) *load.Result {
	t.Helper()
	r, err := load.Run(ctx, cfg, func(f func(), failed func(error)) { go f() })
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Latency.TotalCount(); n != r.Requests {
		t.Errorf("%d requests, %d in the histogram", r.Requests, n)
	}
	var sum int64
	for _, n := range r.BySecond {
		sum += n
	}
	if sum != r.Requests {
		t.Errorf("%d requests, %d by second", r.Requests, sum)
	}
	return r
}

func TestEcho(t *testing.T) {
	for _, depth := range []int{1, 16} {
		for _, size := range []int{1, 64, 100_000, 1 << 20} {
			t.Run(fmt.Sprintf("%d bytes, %d in flight", size, depth), func(t *testing.T) {
				cfg := config(listen(t, echo), 8)
				cfg.Request, cfg.Depth, cfg.Count = make([]byte, size), depth, 300
				r := run(t, cfg)
				if r.Requests != 300 || r.Failed != 0 || r.Answered != 8 || r.BytesIn != r.BytesOut || r.BytesIn != int64(300*size) {
					t.Errorf("%d requests, %v, %d connections, %d bytes in, %d out", r.Requests, r.Errors, r.Answered, r.BytesIn, r.BytesOut)
				}
			})
		}
	}
}

func TestThreads(t *testing.T) {
	cfg := config(listen(t, echo), 10)
	cfg.Threads, cfg.Count = 3, 1001
	if r := run(t, cfg); r.Requests != 1001 || r.Answered != 10 || r.N != 10 {
		t.Errorf("%d requests on %d connections of %d", r.Requests, r.Answered, r.N)
	}
	cfg.N, cfg.Threads, cfg.Count = 2, 8, 10 // no more threads than connections
	if r := run(t, cfg); r.Requests != 10 {
		t.Errorf("%d requests", r.Requests)
	}
}

func TestChurn(t *testing.T) {
	p := listen(t, echo)
	cfg := config(p, 4)
	cfg.Mode, cfg.Count = load.Churn, 500
	if r := run(t, cfg); r.Requests != 500 || r.Failed != 0 || p.accepted.Load() != 500 {
		t.Errorf("%d requests, %v, %d connections", r.Requests, r.Errors, p.accepted.Load())
	}
}

// Whatever pieces responses come in, they are counted one by one.
func TestHTTP(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, response := range map[string]string{
		"a length":     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long: " + strings.Repeat("y", 200) + "\r\n\r\nhello",
		"chunks":       "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
		"no body":      "HTTP/1.1 204 No Content\r\n\r\n",
		"length of 0":  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"a 100 before": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
	} {
		for _, pieces := range []int{1, 7, len(response)} {
			t.Run(fmt.Sprintf("%s in %d pieces", name, pieces), func(t *testing.T) {
				p := listen(t, func(c net.Conn) {
					r := bufio.NewReader(c)
					for readHead(r) == nil {
						for i := range pieces {
							io.WriteString(c, response[i*len(response)/pieces:(i+1)*len(response)/pieces])
						}
					}
				})
				cfg := config(p, 2)
				cfg.Mode, cfg.Request, cfg.Count = load.HTTP, []byte(get), 20
				if r := run(t, cfg); r.Requests != 20 || r.Failed != 0 || p.accepted.Load() != 2 {
					t.Errorf("%d requests, %v, %d connections", r.Requests, r.Errors, p.accepted.Load())
				}
			})
		}
	}
	// Where every answer is wrong, two connections are tried six times each.
	for name, c := range map[string]struct {
		response string
		requests int64
		errors   map[string]int64
	}{
		"to the end of the stream": {"HTTP/1.0 200 OK\r\n\r\nhello", 20, map[string]int64{}},
		"connection: close":        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 20, map[string]int64{}},
		"not found":                {"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 20, map[string]int64{"HTTP_404": 20}},
		"no HTTP":                  {"SSH-2.0-nobody\r\n", 0, map[string]int64{"EPROTO": 12}},
		"a length that is none":    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, map[string]int64{"EPROTO": 12}},
		"cut short":                {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0, map[string]int64{"EOF": 12}},
	} {
		t.Run(name, func(t *testing.T) {
			p := listen(t, func(conn net.Conn) {
				readHead(bufio.NewReader(conn))
				io.WriteString(conn, c.response)
			})
			cfg := config(p, 2)
			cfg.Mode, cfg.Request, cfg.Count = load.HTTP, []byte(get), 20
			if r := run(t, cfg); r.Requests != c.requests || !maps.Equal(r.Errors, c.errors) || p.accepted.Load() < 12 {
				t.Errorf("%d requests, %v, %d connections", r.Requests, r.Errors, p.accepted.Load())
			}
		})
	}
}

// readHead reads a request's head.
func readHead(r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return err
		}
	}
}

func TestRefused(t *testing.T) {
	for _, mode := range []load.Mode{load.Echo, load.Churn, load.HTTP} {
		p := listen(t, echo)
		p.stop()
		cfg := config(p, 5)
		cfg.Mode, cfg.Limit = mode, time.Minute
		r := run(t, cfg)
		if r.Requests != 0 || r.Errors["ECONNREFUSED"] < 5 || r.Errors["ECONNREFUSED"] != r.Failed || len(r.Stopped) != 1 || r.Seconds > 50 {
			t.Errorf("%v: %d requests, %v, %q after %v s", mode, r.Requests, r.Errors, r.Stopped, r.Seconds)
		}
	}
}

// A server that dies in the middle ends the load early, and what was measured before stays.
func TestDies(t *testing.T) {
	for _, c := range []load.Config{{Mode: load.Echo}, {Mode: load.Churn}, {Mode: load.Echo, Rate: 5000}, {Mode: load.Echo, Threads: 2}} {
		var answered atomic.Int64
		enough := make(chan struct{})
		p := listen(t, func(c net.Conn) {
			buf := make([]byte, 64)
			for {
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
				if answered.Add(1) == 100 {
					close(enough)
				}
				c.Write(buf)
			}
		})
		go func() { <-enough; p.stop() }()
		cfg := config(p, 8)
		cfg.Mode, cfg.Rate, cfg.Threads, cfg.Limit = c.Mode, c.Rate, c.Threads, time.Minute
		r := run(t, cfg)
		if r.Requests < 50 || r.Errors["ECONNREFUSED"] == 0 || !slices.Contains(r.Stopped, "every connection failed again and again") || r.Seconds > 50 {
			t.Errorf("%v at %v/s: %d requests, %v, %q after %v s", c.Mode, c.Rate, r.Requests, r.Errors, r.Stopped, r.Seconds)
		}
	}
}

// A server that comes back is asked again.
func TestComesBack(t *testing.T) {
	var answered atomic.Int64
	p := listen(t, func(c net.Conn) {
		buf := make([]byte, 64)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if answered.Add(1)%50 == 0 {
				c.(*net.TCPConn).SetLinger(0) // a reset in the middle
				return
			}
			c.Write(buf)
		}
	})
	cfg := config(p, 4)
	cfg.Count = 1000
	r := run(t, cfg)
	if r.Requests+r.Failed != 1000 || r.Failed < 15 || r.Errors["ECONNRESET"]+r.Errors["EPIPE"] != r.Failed || len(r.Stopped) != 0 {
		t.Errorf("%d requests, %v, %q", r.Requests, r.Errors, r.Stopped)
	}
}

func TestNoAnswer(t *testing.T) {
	cfg := config(listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }), 3)
	cfg.Timeout, cfg.Count = 30*time.Millisecond, 6
	if r := run(t, cfg); r.Requests != 0 || r.Errors["ETIMEDOUT"] != 6 {
		t.Errorf("%d requests, %v", r.Requests, r.Errors)
	}
	cfg = config(listen(t, func(c net.Conn) { io.WriteString(c, strings.Repeat("y", 1000)); io.Copy(io.Discard, c) }), 1)
	cfg.Count = 3
	if r := run(t, cfg); r.Requests != 0 || r.Errors["EPROTO"] == 0 {
		t.Errorf("more came than was asked for: %d requests, %v", r.Requests, r.Errors)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var answered atomic.Int64
	cfg := config(listen(t, func(c net.Conn) {
		buf := make([]byte, 64)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if answered.Add(1) == 200 {
				cancel()
			}
			c.Write(buf)
		}
	}), 4)
	r := runUnder(t, ctx, cfg) // without any end of its own
	if r.Requests < 100 || len(r.Stopped) != 1 || r.Stopped[0] != "interrupted" {
		t.Errorf("%d requests, %q", r.Requests, r.Stopped)
	}
}

// A server that stalls once: the closed loop has one slow answer for each connection, the open loop one for each request
// that was due meanwhile.
func TestStall(t *testing.T) {
	const stall = 300 * time.Millisecond
	measure := func(rate float64) (slow int64) {
		var n atomic.Int64
		cfg := config(listen(t, func(c net.Conn) {
			buf := make([]byte, 64)
			for {
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
				if n.Add(1) == 20 {
					time.Sleep(stall)
				}
				c.Write(buf)
			}
		}), 1)
		cfg.Rate, cfg.Count = rate, 1000
		r := run(t, cfg)
		for _, b := range r.Bars() {
			if b.From >= 0.1 {
				slow += b.Count
			}
		}
		if r.Requests != 1000 || r.Max() < stall.Seconds()*0.99 {
			t.Errorf("%d requests, the slowest took %v s", r.Requests, r.Max())
		}
		return slow
	}
	if closed, open := measure(0), measure(1000); closed < 1 || open < 150 {
		t.Errorf("slow answers: %d in a closed loop, %d in an open one", closed, open)
	}
}

// What could not be sent is not forgotten.
func TestUnsent(t *testing.T) {
	cfg := config(listen(t, func(c net.Conn) { io.Copy(io.Discard, c) }), 2)
	cfg.Rate, cfg.Limit = 1000, 100*time.Millisecond
	if r := run(t, cfg); r.Requests != 0 || r.Unanswered != 2 || r.Unsent != 98 {
		t.Errorf("%d requests, %d unanswered, %d unsent", r.Requests, r.Unanswered, r.Unsent)
	}
}

func TestNoGarbage(t *testing.T) {
	cfg := config(listen(t, func(c net.Conn) {
		for buf := make([]byte, 64); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			c.Write(buf[:n])
		}
	}), 4)
	cfg.Count = 20_000
	var before, after runtime.MemStats
	cfg.Opened = func() { runtime.ReadMemStats(&before) }
	cfg.Ending = func() { runtime.ReadMemStats(&after) }
	if r := run(t, cfg); r.Requests != 20_000 {
		t.Fatal(r.Requests, r.Errors)
	}
	if n := after.Mallocs - before.Mallocs; n > 1000 {
		t.Errorf("%d allocations for 20,000 requests", n)
	}
}

// Nothing is left of any of it.
func TestLeft(t *testing.T) {
	count := func() (n int) {
		for _, dir := range []string{"/proc/self/fd", "/proc/self/task"} {
			entries, _ := os.ReadDir(dir)
			n += len(entries)
		}
		return n + runtime.NumGoroutine()
	}
	p := listen(t, echo)
	once := func(mode load.Mode) {
		cfg := config(p, 20)
		cfg.Mode, cfg.Count, cfg.Threads = mode, 200, 2
		run(t, cfg)
	}
	once(load.Echo)
	deadline := time.Now().Add(10 * time.Second)
	before := count()
	for range 20 {
		once(load.Echo)
		once(load.Churn)
	}
	for count() > before+10 && time.Now().Before(deadline) { // threads that ended, connections that the server closes
		time.Sleep(5 * time.Millisecond)
	}
	if n := count(); n > before+10 {
		t.Errorf("%d descriptors, threads and goroutines, and %d before", n, before)
	}
}

func TestMerge(t *testing.T) {
	a, b := load.NewResult(), load.NewResult()
	a.Mode, a.N, a.Depth, a.Bytes, a.Seconds = "echo", 4, 1, 64, 2
	b.Mode, b.N, b.Depth, b.Bytes, b.Seconds, b.Wanted = "churn", 2, 1, 64, 1, 100
	for i := range int64(100) {
		a.Answer(1e6*(i+1), i*2e7)
		b.Answer(1e9, 0)
	}
	a.Fail("EOF", 2)
	b.Fail("EOF", 3)
	r := a.Merge(b)
	if r.Requests != 200 || r.Failed != 5 || r.Errors["EOF"] != 5 || r.N != 6 || r.Mode != "mixed" || r.Wanted != -1 || r.Rate() != 100 {
		t.Errorf("%+v", r)
	}
	if r.BySecond[0] != 150 || r.BySecond[1] != 50 || a.Requests != 100 || a.Errors["EOF"] != 2 {
		t.Errorf("%v, %+v", r.BySecond, a)
	}
	if p := r.Percentile(50); p < 0.0995 || p > 0.1005 {
		t.Errorf("p50 %v", p)
	}
	if p := r.Percentile(99.99); p < 0.999 || p > 1.001 {
		t.Errorf("p99.99 %v", p)
	}
	var n int64
	for _, bar := range r.Bars() {
		if n += bar.Count; bar.From >= bar.To {
			t.Errorf("%+v", bar)
		}
	}
	if n != 200 {
		t.Errorf("%d in bars", n)
	}
}
