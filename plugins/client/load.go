package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

func loadFunc() lua.Func {
	return lua.Func{Name: "load", Params: "options", Returns: "Load | nil, err", Call: drive,
		Doc: `Measures how a server answers: n connections, each with one request after the other, and what became of them.

In a closed loop (no rate) a connection sends its next request when the answer to the last one is there: the load slows
down with the server, and says little of how long people would wait for it. With rate it is an open loop: requests are due
at a fixed rate whatever the server does, and the latency of one that found no connection free counts from when it was due.
What is printed says which it was.

A request is an echo of payload bytes (only their number is looked at), with mode = "churn" the same on a connection of
its own, from connect to the answer, with mode = "http" a GET. With a function as mode a request is one call of it: nsh
connects, calls function(conn) as a fiber would run, n of them at a time, and closes; the latency is from the connect (or
from when the call was due) to the return. One at a time runs Lua, so that measures nsh as much as the server. With behaviour a request is a client that behaved so to its end; where the server ended it first, that is
among the errors, as EOF or ECONNRESET.

A connection that fails is opened again, after pauses that grow; where all fail again and again the load ends early, and
stopped says so. Ctrl-C ends it with what was measured so far.`,
		Example: loadExample,
	}
}

const loadExample = `local s = assert(server.start{model = "epoll", handler = "echo"})
local l = assert(client.load{to = s.addr, n = 8, requests = 1000})
print(l.requests, l.failed, l.loop)  --> 1000	0	closed
assert(l.p50 <= l.p99 and l.p99 <= l.max)
local all = l:merge(assert(client.load{to = s.addr, rate = 2000, requests = 200}))
print(all.requests, all.loop)  --> 1200	mixed`

// loadOptions are those of client.load.
type loadOptions struct {
	To       string         `lua:"to,required" help:"where to connect, \"host:port\" or \"unix:/path\"; the first address of a name"`
	N        int            `lua:"n" default:"64" min:"1" max:"100000" help:"how many connections"`
	Payload  lua.Value      `lua:"payload" help:"what each request sends: a string, or so many bytes (64 when absent), the last of which ends a line"`
	Depth    int            `lua:"depth" default:"1" min:"1" max:"4096" help:"how many requests are in flight on each connection"`
	Limit    *time.Duration `lua:"seconds" help:"how long; 2 when neither seconds nor requests are given"`
	Requests *int64         `lua:"requests" min:"1" help:"how many requests instead, answered or not"`
	Rate     *float64       `lua:"rate" help:"requests a second, whatever the answers do (an open loop); a closed loop when absent: the next request goes when the answer is there"`
	Mode     lua.Value      `lua:"mode" help:"\"echo\" (as many bytes back as were sent), \"churn\" (the same, with a connection for each), \"http\" (GET on connections that stay open), or function(conn), called once for each connection"`
	Behave   *Behaviour     `lua:"behaviour" help:"clients that misbehave, in place of a mode: each of n connections is opened, behaves so to its end, however long that takes, and is opened anew; for one that has no end, as silent, give seconds"`
	Path     *string        `lua:"path" help:"what mode \"http\" asks for; \"/\" when absent"`
	Timeout  time.Duration  `lua:"timeout" default:"5s" help:"seconds to wait for a connection, and for an answer; what takes longer counts as ETIMEDOUT"`
	Threads  int            `lua:"threads" default:"1" min:"1" max:"64" help:"how many threads drive the connections"`
	From     string         `lua:"from" help:"this end's address; when absent the kernel's choice, and for churn to a loopback address eight of 127/8 in turn"`
	plugins.Where
}

// usualLimit is how long a load takes when nobody says.
const usualLimit = 2 * time.Second

// config is the load that the options describe, without what only opening can tell.
func (o *loadOptions) config() (load.Config, error) {
	cfg := load.Config{N: o.N, Depth: o.Depth, Timeout: o.Timeout, Threads: o.Threads}
	err := errors.Join(checkTarget("to", o.To), checkFrom(o.From), o.mode(&cfg))
	if err == nil {
		err = errors.Join(o.extent(&cfg), o.request(&cfg))
	}
	return cfg, err
}

func (o *loadOptions) mode(cfg *load.Config) error {
	name, isText := o.Mode.Text()
	_, unix := engines.UnixPath(o.To)
	switch {
	case unix && o.From != "":
		return lua.Misusef("from", "a client of a unix socket has no address")
	case o.Behave != nil && !o.Mode.IsNil():
		return lua.Misusef("behaviour", "given together with mode: a connection behaves or makes requests")
	case o.Behave != nil && unix:
		return lua.Misusef("behaviour", "it is one of TCP connections")
	case o.Mode.IsNil(), name == "echo":
	case name == "churn":
		cfg.Mode = load.Churn
	case name == "http":
		cfg.Mode = load.HTTP
	case o.Mode.Kind() == "function":
	case isText:
		known := []string{"echo", "churn", "http"}
		if near := lua.Nearest(name, known); near != "" {
			return lua.Misusef("mode", "%.20q unknown, did you mean '%s'?", name, near)
		}
		return lua.Misusef("mode", "%.20q unknown; it is \"echo\", \"churn\", \"http\" or function(conn)", name)
	default:
		return lua.Misusef("mode", "a name or function(conn) expected, got %s", o.Mode.TypeName())
	}
	return nil
}

// calls says whether something is called for each connection, a function or a behaviour.
func (o *loadOptions) calls() bool { return o.Behave != nil || o.Mode.Kind() == "function" }

// extent is how much there is to do.
func (o *loadOptions) extent(cfg *load.Config) error {
	calls := o.calls()
	switch {
	case o.Limit != nil && o.Requests != nil:
		return lua.Misusef("requests", "given together with seconds: a load ends by the clock or by the count")
	case o.Limit != nil && *o.Limit < time.Millisecond:
		return lua.Misusef("seconds", "at least 0.001 expected, got %v", o.Limit.Seconds())
	case o.Rate != nil && !(*o.Rate >= 0.001 && *o.Rate <= 1e7):
		return lua.Misusef("rate", "from 0.001 to 1e7 requests a second expected, got %v; a closed loop has no rate", *o.Rate)
	case o.Timeout < time.Millisecond:
		return lua.Misusef("timeout", "at least 0.001 expected, got %v", o.Timeout.Seconds())
	case o.Depth > 1 && (calls || cfg.Mode == load.Churn):
		return lua.Misusef("depth", "a connection of this mode has one request")
	case o.N*o.Depth > load.MaxFlight:
		return lua.Misusef("depth", "%d connections with %d requests in flight on each are more than %d together", o.N, o.Depth, load.MaxFlight)
	case o.Threads > 1 && calls:
		return lua.Misusef("threads", "mode \"echo\", \"churn\" and \"http\" have threads; here each connection has a flow of its own")
	case o.Requests != nil:
		cfg.Count = *o.Requests
	case o.Limit != nil:
		cfg.Limit = *o.Limit
	default:
		cfg.Limit = usualLimit
	}
	if o.Rate != nil {
		cfg.Rate = *o.Rate
	}
	return nil
}

// request is what is sent.
func (o *loadOptions) request(cfg *load.Config) error {
	calls := o.calls()
	if o.Path != nil && cfg.Mode != load.HTTP {
		return lua.Misusef("path", "only mode \"http\" asks for a path")
	}
	if !o.Payload.IsNil() && (calls || cfg.Mode == load.HTTP) {
		return lua.Misusef("payload", "mode \"echo\" and mode \"churn\" send a payload, this one does not")
	}
	if cfg.Mode == load.HTTP {
		return o.get(cfg)
	}
	var err error
	cfg.Request, err = plugins.Payload(o.Payload)
	return err
}

func (o *loadOptions) get(cfg *load.Config) error {
	path := "/"
	if o.Path != nil {
		path = *o.Path
	}
	if !strings.HasPrefix(path, "/") || len(path) > 4096 || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 127 }) {
		return lua.Misusef("path", "something like \"/page\" expected, without blanks, got %.40q", path)
	}
	cfg.Request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: nsh\r\n\r\n", path, o.To)
	return nil
}

// drive runs a load and waits for it. A load that is cancelled is shown as far as it got: nobody will get it any more.
func drive(ctx context.Context, env *lua.Env, o loadOptions) (*plugins.Load, error) {
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	if err := plugins.Room("load", o.N, 1); err != nil {
		return nil, err
	}
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "load", o.To)
	defer newProgress(env, "load of "+o.To).watch(cfg.Limit)()
	var r *load.Result
	if o.calls() {
		r, err = o.call(during, env, place, cfg)
	} else {
		r, err = o.generate(during, place, cfg)
	}
	if err = end(err); err != nil {
		return nil, plugins.Fault("load", o.To, err)
	}
	l := &plugins.Load{Result: r, To: o.To}
	if ctx.Err() != nil && r.Requests+r.Failed > 0 {
		env.World().Warn("client.load, as far as it got:\n" + l.Drawing().String())
	}
	return l, nil
}

// generate has internal/load do it.
func (o *loadOptions) generate(ctx context.Context, place engines.Place, cfg load.Config) (*load.Result, error) {
	opener, err := engines.NewOpener(ctx, engines.DialOptions{Addr: o.To, From: o.From, NoDelay: cfg.Mode != load.Churn, Place: place})
	if err != nil {
		return nil, err
	}
	if cfg.Mode == load.Churn {
		opener.Spread()
	}
	cfg.Socket, cfg.To, cfg.Addr = opener.Socket, opener.Name, opener.To
	return load.Run(ctx, cfg, func(f func(), failed func(error)) { lua.Go("client.load", failed, f) })
}
