package client

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A Crowd is many connections to one address, or a part of them.
type Crowd struct {
	*held
	part crowd.Part
}

// held is what a crowd and its parts share.
type held struct {
	to    string
	crowd *crowd.Crowd
	owner *lua.Held
	env   *lua.Env
	place engines.Place

	mu    sync.Mutex
	taken map[int]*plugins.Conn // those that a script has asked for
}

// crowdStats is what became of the connections that were wanted.
type crowdStats struct {
	Wanted   int            `lua:"wanted"`
	Opened   int            `lua:"opened"`
	Open     int            `lua:"open"`
	Ended    int            `lua:"ended"`
	Refused  int            `lua:"refused"`
	TimedOut int            `lua:"timed_out"`
	Reset    int            `lua:"reset"`
	Workers  int            `lua:"workers"`
	Errors   map[string]int `lua:"errors"`
	Limit    string         `lua:"limit,omitempty"`
}

func crowdType() lua.Type {
	return lua.Type{Name: "Crowd", Of: (*Crowd)(nil), Doc: "Many connections to one address, from client.open.",
		Fields: []lua.Field{
			{Name: "n", Doc: "How many are open now: the kernel is asked about each.", Get: func(c *Crowd) int { return c.report().Open }},
		},
		Methods: []lua.Func{
			{Name: "send", Params: "data", Returns: "connections that sent all of it", Call: (*Crowd).send,
				Doc: "Sends data on every open connection."},
			{Name: "recv", Params: "n, options", Returns: "connections that received it", Call: (*Crowd).recv,
				Doc: "Receives exactly n bytes on every open connection and drops them."},
			{Name: "shutdown", Params: "[how]", Returns: "connections", Call: (*Crowd).shutdown,
				Doc: "Ends one direction of every open connection: \"write\" (the default), \"read\" or \"both\"."},
			{Name: "close", Call: (*Crowd).close, Doc: "Closes them all, and ends the processes that held some. Of a part, closes that part."},
			{Name: "reset", Call: (*Crowd).reset, Doc: "Ends them all with RST; nothing stays in TIME_WAIT."},
			{Name: "part", Params: "first, last", Returns: "Crowd", Call: (*Crowd).sub,
				Doc: "Some of the connections, by their numbers from 1, as a Crowd of their own: what is done to it is done to these alone. Numbers are given in the order in which connections were begun; stats tell of the part.",
				Example: `local s = assert(server.start{model = "epoll", handler = "echo"})
local crowd = client.open{to = s.addr, n = 10}
crowd:part(1, 3):reset()
print(crowd.n, crowd:part(1, 3).n, crowd:part(4, 10):send("x"))  --> 7	0	7`},
			{Name: "conn", Params: "i", Returns: "Conn | nil, err", Call: (*Crowd).conn,
				Doc: "The i-th connection, from 1, as an ordinary Conn. It still belongs to the crowd, which closes it; a behaviour, and the process that held it, let go of it.",
				Example: `local s = assert(server.start{model = "epoll", handler = "echo"})
local c = assert(client.open{to = s.addr, n = 10}:conn(10))
c:send("one of ten\n")
print(c:recv("line"), c:state())  --> one of ten	ESTABLISHED`},
			{Name: "stats", Returns: "{wanted, opened, open, ended, refused, timed_out, reset, workers, errors = {code = count}, limit}", Call: (*Crowd).report,
				Doc: "What became of the connections. open are held at this end, and of them ended those whose peer has ended its side; one that was found reset is closed, and counted under its code in errors. workers are the processes that hold some. limit says in words what kept it from opening more."},
		}}
}

func (c *Crowd) String() string {
	s := c.report()
	text := fmt.Sprintf("Crowd to %s (%d open of %d wanted", c.to, s.Open, s.Wanted)
	if s.Ended > 0 {
		text += fmt.Sprintf(", %d ended by the peer", s.Ended)
	}
	switch {
	case s.Workers == 1:
		text += ", in a process of their own"
	case s.Workers > 1:
		text += fmt.Sprintf(", in %d processes", s.Workers)
	}
	if s.Limit != "" {
		text += "; " + s.Limit
	}
	return text + ")"
}

func (c *Crowd) report() crowdStats {
	s := c.crowd.Stats(c.part)
	out := crowdStats{Wanted: s.Wanted, Opened: s.Opened, Open: s.Open, Ended: s.Ended, Workers: s.Workers, Errors: s.Errors, Limit: s.Limit}
	if out.Errors == nil {
		out.Errors = map[string]int{}
	}
	out.Open += len(c.live())
	out.Refused, out.TimedOut, out.Reset = s.Errors["ECONNREFUSED"], s.Errors["ETIMEDOUT"], s.Errors["ECONNRESET"]
	return out
}

// live are the connections of the part that scripts hold, and that are open.
func (c *Crowd) live() []*plugins.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*plugins.Conn
	for i, conn := range c.taken {
		if i >= c.part.First && i <= c.part.Last && !conn.Closed() {
			out = append(out, conn)
		}
	}
	return out
}

// also does to the connections that scripts hold what is done to the others, beside it.
func (c *Crowd) also(do func(*plugins.Conn) error) (wait func() int) {
	var done sync.WaitGroup
	var mu sync.Mutex
	ok := 0
	for _, conn := range c.live() {
		done.Add(1)
		lua.Go("Crowd", nil, func() {
			defer done.Done()
			if do(conn) == nil {
				mu.Lock()
				ok++
				mu.Unlock()
			}
		})
	}
	return func() int { done.Wait(); return ok }
}

func (c *Crowd) send(ctx context.Context, data []byte) (int, error) {
	if len(data) > 1<<30 {
		return 0, lua.Misusef("data", "more than 1 GiB")
	}
	taken := c.also(func(conn *plugins.Conn) error { _, err := conn.Send(ctx, data); return err })
	n := c.crowd.Send(ctx, c.part, data)
	return n + taken(), ctx.Err()
}

func (c *Crowd) recv(ctx context.Context, n int, o plugins.RecvOptions) (int, error) {
	if n < 1 || n > 1<<30 {
		return 0, lua.Misusef("n", "number of bytes, at least 1, expected, got %d", n)
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if o.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, o.Timeout)
	}
	defer cancel()
	taken := c.also(func(conn *plugins.Conn) error { _, err := conn.RecvN(limited, n); return err })
	got := c.crowd.Recv(ctx, c.part, n, o.Timeout)
	return got + taken(), ctx.Err()
}

func (c *Crowd) shutdown(ctx context.Context, how string) (int, error) {
	direction, ok := map[string]int{"": syscall.SHUT_WR, "write": syscall.SHUT_WR, "read": syscall.SHUT_RD, "both": syscall.SHUT_RDWR}[how]
	if !ok {
		return 0, lua.Misusef("how", "%.20q unknown; it is \"write\", \"read\" or \"both\"", how)
	}
	if how == "" {
		how = "write"
	}
	taken := c.also(func(conn *plugins.Conn) error { return conn.Shutdown(how) })
	return c.crowd.Shutdown(ctx, c.part, direction) + taken(), ctx.Err()
}

func (c *Crowd) close(context.Context) { c.end(false) }
func (c *Crowd) reset(context.Context) { c.end(true) }

func (c *Crowd) end(reset bool) {
	whole := c.part == c.crowd.All()
	if whole {
		c.owner.Release()
	}
	for _, conn := range c.live() {
		if reset {
			conn.Conn.Reset()
		} else {
			conn.Conn.Close()
		}
	}
	if whole {
		c.crowd.Close(reset)
		return
	}
	c.crowd.ClosePart(c.part, reset)
}

func (c *Crowd) sub(first, last int) (*Crowd, error) {
	n := c.part.Last - c.part.First + 1
	switch {
	case first < 1 || first > n:
		return nil, lua.Misusef("first", "from 1 to %d expected, got %d", n, first)
	case last < first || last > n:
		return nil, lua.Misusef("last", "from %d to %d expected, got %d", first, n, last)
	}
	return &Crowd{c.held, crowd.Part{First: c.part.First + first - 1, Last: c.part.First + last - 1}}, nil
}

func (c *Crowd) conn(ctx context.Context, i int) (*plugins.Conn, error) {
	if n := c.part.Last - c.part.First + 1; i < 1 || i > n {
		return nil, lua.Misusef("i", "from 1 to %d expected, got %d", n, i)
	}
	at := c.part.First + i - 1
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.taken[at]; conn != nil {
		return conn, nil
	}
	fd, code := c.crowd.Take(ctx, at)
	switch code {
	case "":
	case "ECANCELED":
		return nil, ctx.Err()
	case "EBADF":
		return nil, &lua.Fault{Code: code, Op: "conn", Addr: c.to, Message: fmt.Sprintf("connection %d is closed", i)}
	default:
		return nil, &lua.Fault{Code: code, Op: "conn", Addr: c.to, Message: fmt.Sprintf("connection %d is not open: %s", i, code)}
	}
	conn, err := engines.Adopt(fd, c.to)
	if err != nil {
		return nil, plugins.Fault("conn", c.to, err)
	}
	if c.taken == nil {
		c.taken = map[int]*plugins.Conn{}
	}
	c.taken[at] = plugins.NewConn(conn, false)
	return c.taken[at], nil
}
