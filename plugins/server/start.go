package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// options are those of server.start.
type options struct {
	Model          string       `lua:"model" default:"epoll" help:"the server model: one of server.models()"`
	Addr           *string      `lua:"addr" help:"where to listen, \"host:port\" or \"unix:/path\"; port 0 takes a free one; 127.0.0.1:0 when absent, or a laboratory host's first address"`
	Handler        lua.Value    `lua:"handler" help:"a native handler's name, or function(conn): one straight line per connection"`
	OnOpen         lua.Callback `lua:"on_open" help:"function(conn); a string it returns is sent"`
	OnData         lua.Callback `lua:"on_data" help:"function(conn, data) with what was read; a string it returns is sent"`
	OnReadable     lua.Callback `lua:"on_readable" help:"function(conn) instead of on_data: nothing has been read, it calls conn:recv(n)"`
	OnWritable     lua.Callback `lua:"on_writable" help:"function(conn): there is room again after conn:send was refused with EAGAIN"`
	OnClose        lua.Callback `lua:"on_close" help:"function(conn, err): the connection has ended; err is nil for an orderly end"`
	Backlog        int          `lua:"backlog" default:"128" min:"0" max:"65535" help:"connections that may wait to be accepted, for listen(2)"`
	ReuseAddr      bool         `lua:"reuse_addr" default:"true" help:"SO_REUSEADDR: bind though connections of a former server are in TIME_WAIT"`
	ReusePort      bool         `lua:"reuse_port" default:"false" help:"SO_REUSEPORT: several listeners share the port"`
	Workers        int          `lua:"workers" min:"1" max:"1024" help:"threads or loops that share the connections, where the model has them; the model's own number when absent"`
	Trigger        string       `lua:"trigger" default:"level" enum:"level,edge" help:"epoll tells as long as there is something to read (level), or once when something has come (edge)"`
	Isolate        *bool        `lua:"isolate" help:"give each thread a Lua world of its own, with copies of what handlers reach, so that they compute at the same time: thread (a copy at each accept), threadpool and epoll with workers (at the start); process and prefork do so in any case"`
	KeepParentCopy bool         `lua:"keep_parent_copy" default:"false" help:"of the model process, a famous mistake: the parent keeps its copy of each connection, so no client sees its end"`
	Reap           bool         `lua:"reap" default:"true" help:"of the model process: false is a famous mistake, children that have ended stay as zombies until the server stops"`
	SendLimit      int          `lua:"send_limit" default:"1048576" min:"1" max:"1073741824" help:"bytes that may wait in a connection's output queue"`
	Proto          string       `lua:"proto" default:"tcp" enum:"tcp,udp" help:"transport protocol; with udp a handler is called for each datagram, and conn stands for its sender"`
	TLS            lua.Value    `lua:"tls" help:"true, or {cert, key, names, min, max, alpn, client_ca}: without cert and key a certificate is made on the spot, which s.ca vouches for; models with a flow for each connection speak TLS"`
	plugins.Where
}

// A Server is a running server as scripts hold it.
type Server struct {
	*engines.Server
	scope *lua.Scope
	event bool   // its connections belong to event handlers
	ca    string // in PEM: of a certificate made on the spot
}

func (s *Server) String() string {
	st := s.Stats()
	return fmt.Sprintf("Server %s on %s (%d active, %d accepted)", s.Model(), s.Name(), st.Active, st.Accepted)
}

func start(_ context.Context, env *lua.Env, o options) (*Server, error) {
	model, err := o.model(env)
	if err != nil {
		return nil, err
	}
	place := o.Place(env)
	addr := plugins.ListenAddr(place, o.Addr)
	if err := checkAddr(addr); err != nil {
		return nil, lua.Misusef("addr", "%s", err)
	}
	config, ca, err := o.secure(env, place, addr)
	if err != nil {
		return nil, err
	}
	if err := o.suits(model); err != nil {
		return nil, err
	}
	scope := lua.NewScope(env.Scope().Context(), env.Scope())
	app, err := o.app(env, model, scope)
	if err != nil {
		scope.Close()
		return nil, err
	}
	if app.Recipe, err = o.recipeFor(env, model); err != nil {
		scope.Close()
		return nil, err
	}
	if err := allowed(scope.Context(), place, addr); err != nil {
		scope.Close()
		return nil, plugins.Fault("listen", addr, err)
	}
	srv, err := engines.Start(scope.Context(), model, engines.Config{
		Proto: o.Proto, Addr: addr, Backlog: o.Backlog, ReuseAddr: o.ReuseAddr, ReusePort: o.ReusePort, Place: place, TLS: config,
		Options: engines.Options{Workers: o.Workers, Trigger: o.Trigger, SendLimit: o.SendLimit, Isolate: o.isolated(model),
			KeepParentCopy: o.KeepParentCopy, LeaveZombies: !o.Reap},
		Known: modelsOf(env.World()),
		Log:   func(format string, args ...any) { env.World().Warn("server: " + fmt.Sprintf(format, args...)) },
	}, app)
	if err != nil {
		scope.Close()
		var wrong *engines.OptionError
		if errors.As(err, &wrong) {
			return nil, lua.Misusef(wrong.Option, "%s", wrong.Text)
		}
		var broken *engineError
		if errors.As(err, &broken) {
			return nil, &lua.Fault{Code: "ERROR", Message: err.Error(), Err: err}
		}
		return nil, plugins.Fault("listen", addr, err)
	}
	s := &Server{srv, scope, !app.IsLinear() && config == nil, ca}
	plugins.Keep(place, scope.Own("server on "+srv.Name(), func() { srv.Stop() }))
	return s, nil
}

// checkAddr says what is wrong with an address.
func checkAddr(addr string) error {
	if path, unix := engines.UnixPath(addr); unix {
		return engines.CheckUnixPath(path)
	}
	_, err := engines.ParseAddr(addr)
	return err
}

// suits refuses options that a model does not have.
func (o *options) suits(model engines.Model) error {
	switch {
	case model.Apart && o.Isolate != nil && !*o.Isolate:
		return lua.Misusef("isolate", "the model '%s' runs handlers in processes of their own, which share no memory; thread is one whose handlers share the script's", model.Name)
	case o.KeepParentCopy && (!model.Apart || model.Workers > 0):
		return lua.Misusef("keep_parent_copy", "the model '%s' has no children that connections are passed to", model.Name)
	case !o.Reap && (!model.Apart || model.Workers > 0):
		return lua.Misusef("reap", "the model '%s' has no children that come and go with connections", model.Name)
	}
	return nil
}

// isolated says whether threads are to have worlds of their own. Processes have them in any case.
func (o *options) isolated(model engines.Model) bool {
	return o.Isolate != nil && *o.Isolate && !model.Apart
}

// recipeFor is how other worlds make the handlers anew, for a model and options that want that.
func (o *options) recipeFor(env *lua.Env, model engines.Model) (*engines.Recipe, error) {
	switch {
	case model.Apart:
		return o.recipe(env, model)
	case o.isolated(model) && model.Isolates:
		return o.isolates(env, model)
	}
	return nil, nil
}

// allowed asks the place whether a script may listen there.
func allowed(ctx context.Context, place engines.Place, addr string) error {
	if _, unix := engines.UnixPath(addr); unix {
		return nil // asked when it is bound
	}
	a, err := engines.ParseAddr(addr)
	if err != nil {
		return err
	}
	ips, err := engines.Resolve(ctx, place, a)
	if err != nil {
		return err
	}
	return place.Allow(ips[0].Addr())
}

func (o *options) model(env *lua.Env) (engines.Model, error) {
	var names []string
	for _, m := range modelsOf(env.World()) {
		if m.Name == o.Model {
			return m, nil
		}
		names = append(names, m.Name)
	}
	if near := lua.Nearest(o.Model, names); near != "" {
		return engines.Model{}, lua.Misusef("model", "%.40q unknown, did you mean '%s'?", o.Model, near)
	}
	return engines.Model{}, lua.Misusef("model", "%.40q unknown; there are: %s", o.Model, strings.Join(names, ", "))
}

func (s *Server) stats() serverStats {
	st := s.Server.Stats()
	return serverStats{st.Accepted, st.Active, st.Closed, st.Queued, st.BytesIn, st.BytesOut, st.Errors,
		st.Wakeups, st.Syscalls, st.Threads, st.Processes, st.ByWorker, st.Reasons}
}

// serverStats are engines.Stats in the order in which people read them.
type serverStats struct {
	Accepted  int64            `lua:"accepted"`
	Active    int64            `lua:"active"`
	Closed    int64            `lua:"closed"`
	Queued    int64            `lua:"queued"`
	BytesIn   int64            `lua:"bytes_in"`
	BytesOut  int64            `lua:"bytes_out"`
	Errors    int64            `lua:"errors"`
	Wakeups   int64            `lua:"wakeups"`
	Syscalls  int64            `lua:"syscalls"`
	Threads   int64            `lua:"threads"`
	Processes int64            `lua:"processes"`
	ByWorker  []int64          `lua:"by_worker"`
	Reasons   map[string]int64 `lua:"reasons"`
}

func (s *Server) conns() []*plugins.Conn {
	var out []*plugins.Conn
	for _, c := range s.Server.Conns() {
		out = append(out, connOf(c, s.event))
	}
	return out
}

func (s *Server) wait(ctx context.Context) error {
	return plugins.Fault("wait", s.Name(), s.Server.Wait(ctx))
}

func (s *Server) stop(ctx context.Context) { s.scope.Close() }
