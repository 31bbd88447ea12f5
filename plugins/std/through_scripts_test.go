package std

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/server"
)

// promises are what the models say of themselves, and the options their servers are started with.
var promises = []struct {
	model, options string
	enginetest.Promise
}{
	{"iterative", "", enginetest.Promise{Linear: true, Events: true, Crowd: 1, Is: enginetest.IsIterative}},
	{"thread", "", enginetest.Promise{Linear: true, Events: true, Crowd: 100, Is: enginetest.IsThread}},
	{"threadpool", "workers = 100,", enginetest.Promise{Linear: true, Events: true, Crowd: 100, Is: enginetest.IsThreadPool(100)}},
	{"select", "", enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsSelect}},
	{"poll", "", enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsPoll}},
	{"epoll", "", enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsEpoll}},
	{"epoll", `trigger = "edge",`, enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsEdgeEpoll}},
	{"epoll", `workers = 3,`, enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsWorkersEpoll(3, 1)}},
	{"epoll", `workers = 3, reuse_port = true,`, enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsWorkersEpoll(3, 3)}},
	{"uring", "", enginetest.Promise{Events: true, Crowd: 200, Is: enginetest.IsUring}},
	{"coroutine", "", enginetest.Promise{Linear: true, Events: true, Crowd: 200, Is: enginetest.IsCoroutine}},
	{"goroutine", "", enginetest.Promise{Linear: true, Events: true, Crowd: 200, Is: enginetest.IsGoroutine}},
}

// TestConformanceThroughScripts runs the suite that the engines pass with handlers in Lua between: each of a row's
// callbacks is a Lua function, which calls a bound one, which is the row's.
func TestConformanceThroughScripts(t *testing.T) {
	for _, p := range promises {
		t.Run(p.model+p.options, func(t *testing.T) {
			plugintest.NeedsModel(t, p.model, All()...)
			enginetest.Run(t, p.Promise, func(ctx context.Context, app engines.App) (enginetest.Running, error) {
				return startScripted(ctx, fmt.Sprintf("model = %q, %s", p.model, p.options), app)
			})
		})
	}
}

// A scripted server belongs to a script, which ends with its stop.
type scripted struct {
	*server.Server
	world *lua.World
	over  chan error
	hold  chan struct{}
	once  bool
}

// Stop stops the server, lets the script end, and waits for it.
func (s *scripted) Stop() error {
	err := s.Server.Stop()
	if s.once {
		return err
	}
	s.once = true
	close(s.hold)
	err = errors.Join(err, <-s.over)
	s.world.Close()
	return err
}

func startScripted(ctx context.Context, options string, app engines.App) (*scripted, error) {
	s := &scripted{over: make(chan error, 1), hold: make(chan struct{})}
	started := make(chan *server.Server, 1)
	set, err := plugins.NewSet(append(All(), rowPlugin(app, s.hold, started))...)
	if err != nil {
		return nil, err
	}
	if s.world, err = lua.New(lua.Config{Modules: set.Modules(), Stdout: io.Discard, Stderr: io.Discard}); err != nil {
		return nil, err
	}
	set.Attach(s.world)
	chunk, err := lua.Compile("row.lua", "local s = assert(server.start{"+options+callbacks(app)+"}) row.started(s) row.hold()")
	if err != nil {
		return nil, err
	}
	engines.Go("a script", func() error { _, err := s.world.Exec(ctx, chunk); return err }, func(err error) { s.over <- err })
	select {
	case s.Server = <-started:
		return s, nil
	case err := <-s.over:
		s.world.Close()
		return nil, fmt.Errorf("the script has ended: %v", err)
	}
}

// callbacks are the options of server.start that an App stands for. What a bound function returns as nil, err the
// handler raises.
func callbacks(app engines.App) string {
	var out strings.Builder
	for _, c := range []struct {
		given         bool
		option, bound string
	}{
		{app.Linear != nil, "handler", "linear"}, {app.Open != nil, "on_open", "open"}, {app.Data != nil, "on_data", "data"},
		{app.Readable != nil, "on_readable", "readable"}, {app.Writable != nil, "on_writable", "writable"}, {app.Close != nil, "on_close", "close"},
	} {
		if c.given {
			fmt.Fprintf(&out, " %s = function(...) local r, err = row.%s(...) if err then error(err, 0) end return r end,", c.option, c.bound)
		}
	}
	return out.String()
}

// rowPlugin binds an App's functions.
func rowPlugin(app engines.App, hold chan struct{}, started chan<- *server.Server) plugins.Plugin {
	quiet := func(err error) error {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	fn := func(name, params string, f any) lua.Func {
		return lua.Func{Name: name, Params: params, Call: f, Doc: "For the suite."}
	}
	return plugins.Plugin{Name: "row", Doc: "A row of the suite.", Modules: []lua.Module{{Name: "row", Doc: "A row of the suite.", Funcs: []lua.Func{
		fn("started", "server", func(s *server.Server) { started <- s }),
		fn("hold", "", func(ctx context.Context) error {
			select {
			case <-hold:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}),
		fn("linear", "conn", func(ctx context.Context, c *plugins.Conn) error { return quiet(app.Linear(ctx, c.Conn)) }),
		fn("open", "conn", func(c *plugins.Conn) (string, error) { r, err := app.Open(c.Conn); return string(r), err }),
		fn("data", "conn, data", func(c *plugins.Conn, data string) (string, error) {
			r, err := app.Data(c.Conn, []byte(data))
			return string(r), err
		}),
		fn("readable", "conn", func(c *plugins.Conn) error { return quiet(app.Readable(c.Conn)) }),
		fn("writable", "conn", func(c *plugins.Conn) error { return app.Writable(c.Conn) }),
		fn("close", "conn, err", func(c *plugins.Conn, why *lua.Fault) error {
			if why == nil {
				return app.Close(c.Conn, nil)
			}
			return app.Close(c.Conn, why)
		}),
	}}}}
}
