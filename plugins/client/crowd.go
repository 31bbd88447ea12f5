package client

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// openOptions are those of client.open.
type openOptions struct {
	To      string        `lua:"to,required" help:"where to connect, \"host:port\""`
	N       int           `lua:"n" default:"1" min:"1" max:"100000" help:"how many connections"`
	Rate    float64       `lua:"rate" default:"0" min:"0" help:"connections a second; 0 is as fast as possible"`
	From    string        `lua:"from" help:"this end's address; the kernel's choice when absent"`
	Timeout time.Duration `lua:"timeout" default:"10s" help:"seconds to wait for each connection"`
	plugins.Where
}

// A Crowd is many connections to one address.
type Crowd struct {
	mu    sync.Mutex
	to    string
	conns []*plugins.Conn // in the order in which they were wanted; nil where none was opened
	stats crowdStats
	held  *lua.Held
	done  bool
}

// crowdStats is what became of the connections that were wanted.
type crowdStats struct {
	Wanted   int            `lua:"wanted"`
	Opened   int            `lua:"opened"`
	Open     int            `lua:"open"`
	Refused  int            `lua:"refused"`
	TimedOut int            `lua:"timed_out"`
	Reset    int            `lua:"reset"`
	Errors   map[string]int `lua:"errors"`
}

func crowdType() lua.Type {
	return lua.Type{Name: "Crowd", Of: (*Crowd)(nil), Doc: "Many connections to one address, from client.open.",
		Fields: []lua.Field{
			{Name: "n", Doc: "How many are open now.", Get: (*Crowd).open},
		},
		Methods: []lua.Func{
			{Name: "send", Params: "data", Returns: "connections that sent it", Call: (*Crowd).send,
				Doc: "Sends data on every open connection."},
			{Name: "recv", Params: "n, options", Returns: "connections that received it", Call: (*Crowd).recv,
				Doc: "Receives exactly n bytes on every open connection and drops them."},
			{Name: "shutdown", Params: "[how]", Returns: "connections", Call: (*Crowd).shutdown,
				Doc: "Ends one direction of every open connection: \"write\" (the default), \"read\" or \"both\"."},
			{Name: "close", Call: (*Crowd).close, Doc: "Closes them all."},
			{Name: "reset", Call: (*Crowd).reset, Doc: "Ends them all with RST."},
			{Name: "conn", Params: "i", Returns: "Conn | nil, err", Call: (*Crowd).conn,
				Doc: "The i-th connection, from 1, as an ordinary Conn."},
			{Name: "stats", Returns: "{wanted, opened, open, refused, timed_out, reset, errors = {code = count}}", Call: (*Crowd).report,
				Doc: "What became of the connections: errors has every code with its count."},
		}}
}

// window is how many connects are under way at once.
const window = 64

func open(ctx context.Context, env *lua.Env, o openOptions) (*Crowd, error) {
	if err := checkAddr("to", o.To); err != nil {
		return nil, err
	}
	if err := checkFrom(o.From); err != nil {
		return nil, err
	}
	c := &Crowd{to: o.To, conns: make([]*plugins.Conn, o.N), stats: crowdStats{Wanted: o.N, Errors: map[string]int{}}}
	place := o.Place(env)
	c.held = plugins.Keep(place, env.Own("crowd to "+o.To, c.close))
	d := dialOptions{Timeout: o.Timeout, From: o.From}
	during, end := plugins.During(ctx, place, "open", o.To)
	defer end(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(window, o.N) {
		wg.Add(1)
		lua.Go("client.open", nil, func() {
			defer wg.Done()
			for i := range next {
				conn, err := engines.Dial(during, d.engine(o.To, place))
				c.opened(i, conn, err)
			}
		})
	}
	feed(during, next, o.N, o.Rate)
	wg.Wait()
	return c, ctx.Err()
}

// feed hands out the numbers of the connections, at a rate if one is given.
func feed(ctx context.Context, next chan<- int, n int, rate float64) {
	defer close(next)
	start := time.Now()
	for i := range n {
		if rate > 0 {
			due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return
			}
		}
		select {
		case next <- i:
		case <-ctx.Done():
			return
		}
	}
}

func (c *Crowd) opened(i int, conn *engines.Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.stats.Opened++
		if c.done { // the scope ended meanwhile
			conn.Close()
			return
		}
		c.conns[i] = plugins.NewConn(conn, false)
		return
	}
	c.count(err)
}

// count files an error under its code. The lock is held.
func (c *Crowd) count(err error) {
	code := engines.Code(err)
	if code == "" {
		code = "ERROR"
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		code = "EOF"
	}
	c.stats.Errors[code]++
	switch code {
	case "ECONNREFUSED":
		c.stats.Refused++
	case "ETIMEDOUT":
		c.stats.TimedOut++
	case "ECONNRESET":
		c.stats.Reset++
	}
}

func (c *Crowd) live() []*plugins.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*plugins.Conn
	for _, conn := range c.conns {
		if conn != nil && !conn.Closed() {
			out = append(out, conn)
		}
	}
	return out
}

func (c *Crowd) open() int { return len(c.live()) }

func (c *Crowd) String() string {
	return fmt.Sprintf("Crowd to %s (%d open of %d wanted)", c.to, c.open(), c.stats.Wanted)
}

func (c *Crowd) report() crowdStats {
	n := c.open()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Open = n
	s.Errors = map[string]int{}
	for k, v := range c.stats.Errors {
		s.Errors[k] = v
	}
	return s
}

// each does something on every open connection, so many at a time, and counts those on which it worked.
func (c *Crowd) each(do func(*plugins.Conn) error) int {
	conns := c.live()
	work := make(chan *plugins.Conn)
	var wg sync.WaitGroup
	ok := 0
	for range min(window, len(conns)) {
		wg.Add(1)
		lua.Go("Crowd", nil, func() {
			defer wg.Done()
			for conn := range work {
				err := do(conn)
				c.mu.Lock()
				if err == nil {
					ok++
				} else {
					c.count(err)
				}
				c.mu.Unlock()
			}
		})
	}
	for _, conn := range conns {
		work <- conn
	}
	close(work)
	wg.Wait()
	return ok
}

func (c *Crowd) send(ctx context.Context, data []byte) int {
	return c.each(func(conn *plugins.Conn) error { _, err := conn.Send(ctx, data); return err })
}

func (c *Crowd) recv(ctx context.Context, n int, o plugins.RecvOptions) (int, error) {
	if n < 1 || n > 1<<30 {
		return 0, lua.Misusef("n", "number of bytes, at least 1, expected, got %d", n)
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	return c.each(func(conn *plugins.Conn) error { _, err := conn.RecvN(ctx, n); return err }), nil
}

func (c *Crowd) shutdown(ctx context.Context, how string) (int, error) {
	switch how {
	case "":
		how = "write"
	case "read", "write", "both":
	default:
		return 0, lua.Misusef("how", "%.20q unknown; it is \"write\", \"read\" or \"both\"", how)
	}
	return c.each(func(conn *plugins.Conn) error { return conn.Shutdown(how) }), nil
}

func (c *Crowd) end(close func(*plugins.Conn)) {
	c.held.Release()
	c.mu.Lock()
	c.done = true
	c.mu.Unlock()
	for _, conn := range c.live() {
		close(conn)
	}
}

func (c *Crowd) close() { c.end(func(conn *plugins.Conn) { conn.Conn.Close() }) }
func (c *Crowd) reset() { c.end(func(conn *plugins.Conn) { conn.Conn.Reset() }) }

func (c *Crowd) conn(i int) (*plugins.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 1 || i > len(c.conns) {
		return nil, lua.Misusef("i", "from 1 to %d expected, got %d", len(c.conns), i)
	}
	if c.conns[i-1] == nil {
		return nil, &lua.Fault{Code: "ENOTCONN", Op: "conn", Addr: c.to, Message: fmt.Sprintf("connection %d was not opened; stats() says why", i)}
	}
	return c.conns[i-1], nil
}
