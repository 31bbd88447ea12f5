// Package crowd is many client connections to one address, held by a few threads: not a goroutine or an object for each,
// but a descriptor, four bytes.
//
// What fits into this process is kept here. What does not is spread over workers: this program started again, each with
// descriptors of its own, which die with this one. Their sockets are made by the crowd's Place all the same.
package crowd

import (
	"context"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// Options say what a crowd is.
type Options struct {
	To        string // "host:port", or "unix:/path"
	N         int
	Rate      float64       // connections a second; 0 is as fast as possible
	From      string        // this end's address; "" is the kernel's choice, or several of 127/8
	Timeout   time.Duration // for each connection
	Place     engines.Place
	Behaviour Behaviour
	Args      []string    // start this program as a worker; nil keeps everything in this process
	Here      int         // so many connections at most are held in this process, and so many in a worker;
	Each      int         // 0 is what the limits allow
	Progress  func(Stats) // is told ten times a second how far the opening has come; nil is nobody
}

// Stats are what became of the connections that were wanted.
type Stats struct {
	Wanted  int            `json:"wanted"`
	Opened  int            `json:"opened"`
	Open    int            `json:"open"`             // held at this end
	Ended   int            `json:"ended"`            // of them, those whose peer has ended its side
	Workers int            `json:"workers"`          // processes that hold some of them
	Errors  map[string]int `json:"errors,omitempty"` // by code
	Limit   string         `json:"limit,omitempty"`  // what kept it from opening more, in words
}

// add adds the stats of a part of the crowd.
func (s *Stats) add(part Stats) {
	s.Opened += part.Opened
	s.Open += part.Open
	s.Ended += part.Ended
	for code, n := range part.Errors {
		s.fail(code, n)
	}
	if s.Limit == "" {
		s.Limit = part.Limit
	}
}

func (s *Stats) fail(code string, n int) {
	if s.Errors == nil {
		s.Errors = map[string]int{}
	}
	s.Errors[code] += n
}

// A Part is some of the connections: those with the numbers First to Last, from 0, Last included.
type Part struct{ First, Last int }

// An op is something to be done to some connections.
type op struct {
	Kind  string        `json:"kind"` // "send", "recv", "shutdown", "close", "reset", "stats", "take"
	Part  Part          `json:"part"`
	Data  []byte        `json:"-"`
	N     int           `json:"n,omitempty"`     // of recv: bytes; of shutdown: the direction
	Limit time.Duration `json:"limit,omitempty"` // of recv: 0 is none
}

// An answer is what came of an op.
type answer struct {
	OK    int    `json:"ok"` // connections on which it was done
	Stats Stats  `json:"stats"`
	Code  string `json:"code,omitempty"` // of take: why there is no connection
	fd    int
}

// A hand holds some of a crowd's connections: a keeper in this process or in another.
type hand interface {
	open(ctx context.Context, o Order, tell func(Stats)) error
	do(ctx context.Context, o op) (answer, error)
	end() // closes all
}

// An Order is what a hand is to open.
type Order struct {
	First     int              `json:"first"` // the number of the first connection
	N         int              `json:"n"`
	To        []netip.AddrPort `json:"to,omitempty"` // one is tried after the other
	Path      string           `json:"path,omitempty"`
	From      netip.AddrPort   `json:"from"`
	Spread    int              `json:"spread"` // so many connections each have a source address of 127/8; 0 is the kernel's
	Rate      float64          `json:"rate"`
	Start     int64            `json:"start"` // when connection 0 is due, in CLOCK_MONOTONIC's nanoseconds
	Timeout   time.Duration    `json:"timeout"`
	Window    int              `json:"window"` // how many connects are under way at once
	Behaviour Behaviour        `json:"behaviour"`
	Asks      bool             `json:"asks"` // sockets come from the parent
	Yields    bool             `json:"-"`    // the server may be of this process, too, and want a processor
}

// A Crowd is many connections.
type Crowd struct {
	wanted  int
	spread  int // connections in each hand but the last
	hands   []hand
	workers int
	family  *family

	mu     sync.Mutex
	failed Stats // of connections that no hand was given
	last   Stats
	ending sync.Once
	ended  chan struct{}
}

// parts divides a part among the hands that have some of it.
func (c *Crowd) parts(p Part, each func(h hand, own Part)) {
	for i, h := range c.hands {
		first := i * c.spread
		last := min(first+c.spread, c.wanted) - 1
		if own := (Part{max(p.First, first) - first, min(p.Last, last) - first}); own.First <= own.Last {
			each(h, own)
		}
	}
}

// do has all hands do something at once, and gives what they did together.
func (c *Crowd) do(ctx context.Context, o op) answer {
	var mu sync.Mutex
	var all answer
	var wait sync.WaitGroup
	part := o.Part
	c.parts(part, func(h hand, own Part) {
		wait.Add(1)
		engines.Go("a crowd", func() error {
			mine := o
			mine.Part = own
			a, err := h.do(ctx, mine)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				all.OK += a.OK
				all.Stats.add(a.Stats)
			}
			return err
		}, func(error) { wait.Done() })
	})
	wait.Wait()
	return all
}

// Len is how many connections were wanted: their numbers are below.
func (c *Crowd) Len() int { return c.wanted }

// All is the part that is everything.
func (c *Crowd) All() Part { return Part{0, c.wanted - 1} }

// Send sends data on the open connections of a part, and says on how many all of it was sent.
func (c *Crowd) Send(ctx context.Context, p Part, data []byte) int {
	return c.do(ctx, op{Kind: "send", Part: p, Data: data}).OK
}

// Recv receives n bytes on each and drops them. After limit, 0 being none, what has not come counts as timed out.
func (c *Crowd) Recv(ctx context.Context, p Part, n int, limit time.Duration) int {
	return c.do(ctx, op{Kind: "recv", Part: p, N: n, Limit: limit}).OK
}

// Shutdown ends one direction of each: SHUT_RD, SHUT_WR or SHUT_RDWR.
func (c *Crowd) Shutdown(ctx context.Context, p Part, how int) int {
	return c.do(ctx, op{Kind: "shutdown", Part: p, N: how}).OK
}

// ClosePart closes some; the others go on.
func (c *Crowd) ClosePart(p Part, reset bool) int {
	kind := "close"
	if reset {
		kind = "reset"
	}
	return c.do(context.Background(), op{Kind: kind, Part: p}).OK
}

// statsLimit is how long the workers may take to say how things are; on a machine that busy, what they said last stands.
const statsLimit = 10 * time.Second

// Stats asks the kernel about every connection.
func (c *Crowd) Stats(p Part) Stats {
	select {
	case <-c.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.last
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsLimit)
	defer cancel()
	s := c.do(ctx, op{Kind: "stats", Part: p}).Stats
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Wanted, s.Workers = p.Last-p.First+1, c.workers
	for code := range c.failed.Errors {
		s.fail(code, s.Wanted)
	}
	return s
}

// Take gives connection i away, as a descriptor. Without one the code says why: that of its failure, EBADF where it was
// closed or taken, ENOTCONN where nobody tried.
func (c *Crowd) Take(ctx context.Context, i int) (fd int, code string) {
	fd, code = -1, "ENOTCONN"
	c.parts(Part{i, i}, func(h hand, own Part) {
		a, err := h.do(ctx, op{Kind: "take", Part: own})
		switch {
		case err != nil:
			code = "ECANCELED"
		case a.Code != "":
			code = a.Code
		default:
			fd, code = a.fd, ""
		}
	})
	return fd, code
}

// Close closes all connections, or resets them, and ends the workers. What was counted stays known.
func (c *Crowd) Close(reset bool) {
	c.ending.Do(func() {
		last := c.Stats(c.All())
		if reset {
			c.ClosePart(c.All(), true)
		}
		last.Open, last.Ended, last.Workers = 0, 0, 0
		last.Errors = maps.Clone(last.Errors)
		c.mu.Lock()
		c.last = last
		c.mu.Unlock()
		var wait sync.WaitGroup
		for _, h := range c.hands {
			wait.Add(1)
			engines.Go("a crowd's end", func() error { h.end(); return nil }, func(error) { wait.Done() })
		}
		wait.Wait()
		if c.family != nil {
			c.family.end()
		}
		close(c.ended)
	})
	<-c.ended
}
