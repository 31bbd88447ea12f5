// Package load drives many TCP connections from a few threads and measures how a server answers: what client.load,
// server.compare and the like share. One epoll loop per thread, system calls without the scheduler, nothing allocated
// per request.
//
// In a closed loop a connection sends its next request when the answer to the last one is there, and latency counts from
// the send: a server that stalls is asked less, so its stall is counted once for each connection. In an open loop
// requests are due at a fixed rate, whatever the server does, and latency counts from the moment at which a request was
// due: one that had to wait for a free connection has waited.
package load

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Mode is what a request is.
type Mode uint8

const (
	Echo  Mode = iota // so many bytes there, and as many back, on connections that stay open
	Churn             // the same, with a connection for each: connect, send, receive, close
	HTTP              // a request of HTTP/1.1, and a whole response, on connections that stay open
)

func (m Mode) String() string { return [...]string{"echo", "churn", "http"}[m] }

// A Config says what to do.
type Config struct {
	Socket  func() (fd int, err error) // a TCP socket, non-blocking and close-on-exec, ready to connect
	To      *raw.Sockaddr
	Addr    netip.AddrPort // the same; not valid for a unix socket
	Mode    Mode
	N       int           // connections
	Depth   int           // requests in flight on each
	Request []byte        // what is sent
	Limit   time.Duration // how long; 0 is without an end
	Count   int64         // how many requests, answered or not; 0 is without an end
	Rate    float64       // requests a second, in an open loop; 0 is a closed loop
	Timeout time.Duration // for a connection to be made, and for an answer
	Threads int

	// Opened is called when every connection is open, or has failed, and no request has gone out; Ending when the last
	// has been counted, and every connection is open still. Either may be nil.
	Opened, Ending func()
}

// MaxFlight bounds how many requests may be in flight on all connections, and with that the memory: 8 bytes for each.
const MaxFlight = 1 << 20

// Run measures until the time is over, the requests are made, nobody answers any more, or ctx ends, which is no error:
// what was measured so far is the result. Spawn runs a function on a goroutine of its own, and passes on its panic.
func Run(ctx context.Context, cfg Config, spawn func(f func(), failed func(error))) (*Result, error) {
	cfg.Threads = max(1, min(cfg.Threads, cfg.N))
	g := &group{opened: make(chan struct{}), closing: make(chan struct{})}
	workers := make([]*worker, cfg.Threads)
	for i := range workers {
		w, err := newWorker(ctx, g, cfg, i)
		if err != nil {
			for _, w := range workers[:i] {
				w.release()
			}
			return nil, err
		}
		workers[i] = w
	}
	stop := context.AfterFunc(ctx, func() {
		for _, w := range workers {
			w.halt()
		}
	})
	defer func() {
		stop()
		for _, w := range workers {
			w.release()
		}
	}()
	g.ready.Add(len(workers))
	g.counted.Add(len(workers))
	g.done.Add(len(workers))
	for _, w := range workers {
		spawn(w.run, g.failed)
	}
	g.ready.Wait()
	if cfg.Opened != nil {
		cfg.Opened()
	}
	g.start = time.Now()
	close(g.opened)
	g.counted.Wait()
	seconds := g.took(cfg.Limit)
	if cfg.Ending != nil {
		cfg.Ending()
	}
	close(g.closing)
	g.done.Wait()
	return g.result(&cfg, workers, seconds), g.err
}

// A group is what the threads of a load share. They wait for each other twice: when the connections are open, and when
// the last request is counted.
type group struct {
	ready, counted, done sync.WaitGroup
	opened, closing      chan struct{}
	start                time.Time // when the first request is due

	mu  sync.Mutex
	end time.Time // when the last of the threads stopped
	err error
}

func (g *group) failed(err error) {
	if err == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

// stopped notes when a thread has counted its last request.
func (g *group) stopped() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.end = time.Now()
}

// took is how long the requests went on. What a thread needed to notice that the time was over is not part of it.
func (g *group) took(limit time.Duration) float64 {
	d := max(g.end.Sub(g.start), time.Microsecond)
	if limit > 0 {
		d = min(d, limit)
	}
	return d.Seconds()
}

func (g *group) result(cfg *Config, workers []*worker, seconds float64) *Result {
	r := NewResult()
	r.Mode, r.N, r.Depth, r.Bytes, r.Wanted = cfg.Mode.String(), cfg.N, cfg.Depth, len(cfg.Request), cfg.Rate
	r.Seconds = seconds
	for _, w := range workers {
		r.add(w.rec)
		if w.stop != "" && !slices.Contains(r.Stopped, w.stop) {
			r.Stopped = append(r.Stopped, w.stop)
		}
	}
	return r
}

// share is the i-th of so many parts of n, which differ by one at most.
func share(n int64, i, parts int) int64 {
	part := n / int64(parts)
	if int64(i) < n%int64(parts) {
		part++
	}
	return part
}

// Usage is what threads have used.
type Usage struct {
	CPU      time.Duration
	Switches int64 // context switches, voluntary and not
}

// UsageOf asks the kernel: RUSAGE_SELF, RUSAGE_CHILDREN (those waited for) or RUSAGE_THREAD (getrusage(2)).
func UsageOf(who int) Usage {
	var r syscall.Rusage
	syscall.Getrusage(who, &r)
	return Usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Nvcsw + r.Nivcsw}
}

// Less is what was used since before.
func (u Usage) Less(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Switches - before.Switches}
}

// And is both together.
func (u Usage) And(v Usage) Usage { return Usage{u.CPU + v.CPU, u.Switches + v.Switches} }
