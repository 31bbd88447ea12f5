package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/handlers"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// app makes the engine's App of what the script gave.
func (o *options) app(env *lua.Env, model engines.Model, scope *lua.Scope) (engines.App, error) {
	events := []string{}
	for name, cb := range map[string]lua.Callback{"on_open": o.OnOpen, "on_data": o.OnData, "on_readable": o.OnReadable, "on_writable": o.OnWritable} {
		if !cb.IsNil() {
			events = append(events, name)
		}
	}
	name, native := o.Handler.Text()
	switch {
	case o.Handler.IsNil() && len(events) == 0:
		return engines.App{}, lua.Misusef("handler", "nothing to do with a connection: give handler = a native handler's name or function(conn), or on_data and the like")
	case !o.Handler.IsNil() && len(events) > 0:
		return engines.App{}, lua.Misusef("handler", "given together with %s: a server has a handler or event handlers", strings.Join(events, ", "))
	case !o.OnData.IsNil() && !o.OnReadable.IsNil():
		return engines.App{}, lua.Misusef("on_readable", "given together with on_data: either nsh reads (on_data) or the handler does (on_readable)")
	case native:
		return o.native(name)
	case o.Handler.Kind() == "function":
		return o.linear(env, model, scope)
	case !o.Handler.IsNil():
		return engines.App{}, lua.Misusef("handler", "a name or a function expected, got %s", o.Handler.TypeName())
	}
	return o.events(scope, newReporter(env.World().Warn)), nil
}

func (o *options) native(name string) (engines.App, error) {
	for _, h := range handlers.All() {
		if h.Name == name {
			return o.form(h)
		}
	}
	return engines.App{}, lua.Misusef("handler", "%.40q unknown; native handlers are %s", name, strings.Join(handlerNames(nil), ", "))
}

// form is a native handler for the server's protocol.
func (o *options) form(h handlers.Handler) (engines.App, error) {
	if o.Proto != "udp" {
		return h.App, nil
	}
	if h.Datagrams == nil {
		return engines.App{}, lua.Misusef("handler", "'%s' needs a connection, and proto = 'udp' has none", h.Name)
	}
	return *h.Datagrams, nil
}

// A handlerRow is one row of server.handlers().
type handlerRow struct {
	Name  string `lua:"name"`
	About string `lua:"about"`
}

func nativeHandlers() []handlerRow {
	var out []handlerRow
	for _, h := range handlers.All() {
		out = append(out, handlerRow{h.Name, h.About})
	}
	return out
}

func handlerNames(*lua.World) (names []string) {
	for _, h := range handlers.All() {
		names = append(names, h.Name)
	}
	return names
}

// connOf is the script's side of a connection, the same for its handlers and for who lists the connections meanwhile.
func connOf(c *engines.Conn, event bool) *plugins.Conn {
	return c.Face(func() any {
		_, tls := c.TLSState() // with it a flow of its own calls the handlers, and may wait
		return plugins.NewConn(c, event && !tls)
	}).(*plugins.Conn)
}

// handled is connOf for a handler of events, whose Data holds what it has found.
func handled(c *engines.Conn) *plugins.Conn {
	p, ok := c.Data.(*plugins.Conn)
	if !ok {
		p = connOf(c, true)
		c.Data = p
	}
	return p
}

// linear runs function(conn) once per connection, in a scope that ends with it.
func (o *options) linear(env *lua.Env, model engines.Model, scope *lua.Scope) (engines.App, error) {
	if !model.Linear {
		return engines.App{}, lua.Misusef("handler", "the model '%s' has one flow for all connections, so a function that waits for one of them would make everybody wait; give on_data and the like, or take a model with a flow per connection: %s", model.Name, strings.Join(linearModels(env), ", "))
	}
	cb, err := o.Handler.Callback(env)
	if err != nil {
		return engines.App{}, err
	}
	return linearApp(cb, scope, newReporter(env.World().Warn)), nil
}

func linearApp(cb lua.Callback, scope *lua.Scope, warn *reporter) engines.App {
	return engines.App{Linear: func(ctx context.Context, c *engines.Conn) error {
		own := lua.NewScope(ctx, scope)
		defer closeAside(ctx, own)
		err := cb.Line(hostOf(c), ctx, own, connOf(c, false))
		warn.handler(ctx, err)
		return err
	}}
}

// hostOf is what runs the calling goroutine, if that is the flow of a connection on the thread of its loop.
func hostOf(c *engines.Conn) lua.Host {
	if f := c.Fiber(); f != nil {
		return f
	}
	return nil
}

// closeAside closes what a handler has left open, which may have to wait.
func closeAside(ctx context.Context, own *lua.Scope) {
	if len(own.Open()) == 0 {
		own.Close()
		return
	}
	engines.Aside(ctx, own.Close)
}

func linearModels(env *lua.Env) []string {
	var names []string
	for _, m := range modelsOf(env.World()) {
		if m.Linear {
			names = append(names, m.Name)
		}
	}
	return names
}

// events calls the script's functions when something happens. What they open belongs to the server.
func (o *options) events(scope *lua.Scope, warn *reporter) engines.App {
	ctx := scope.Context()
	var app engines.App
	reply := func(name string, cb lua.Callback) func(c *engines.Conn, arg lua.Value) ([]byte, error) {
		h := cb.Under(within(cb, scope))
		return func(c *engines.Conn, arg lua.Value) ([]byte, error) {
			out, err := h.CallOn(hostOf(c), handled(c), arg)
			if err != nil {
				warn.handler(ctx, err)
			}
			if err != nil || out.IsNil() {
				return nil, err
			}
			s, ok := out.Bytes()
			if !ok {
				err = fmt.Errorf("%s returned a %s; a string is sent, nil sends nothing", name, out.TypeName())
				warn.handler(ctx, err)
			}
			return s, err
		}
	}
	call := func(cb lua.Callback) func(c *engines.Conn, args ...any) error {
		in := within(cb, scope)
		return func(c *engines.Conn, args ...any) error {
			_, err := cb.CallOn(hostOf(c), in, append([]any{connOf(c, true)}, args...)...)
			warn.handler(ctx, err)
			return err
		}
	}
	if !o.OnOpen.IsNil() {
		do := reply("on_open", o.OnOpen)
		app.Open = func(c *engines.Conn) ([]byte, error) { return do(c, lua.Value{}) }
	}
	if !o.OnData.IsNil() {
		do := reply("on_data", o.OnData)
		app.Data = func(c *engines.Conn, data []byte) ([]byte, error) { return do(c, lua.TextOf(data)) }
	}
	if !o.OnReadable.IsNil() {
		do := call(o.OnReadable)
		app.Readable = func(c *engines.Conn) error { return do(c) }
	}
	if !o.OnWritable.IsNil() {
		do := call(o.OnWritable)
		app.Writable = func(c *engines.Conn) error { return do(c) }
	}
	if !o.OnClose.IsNil() {
		do := call(o.OnClose)
		app.Close = func(c *engines.Conn, why error) error { return do(c, closeReason(c, why)) }
	}
	return app
}

// within is the surroundings of an event handler.
func within(cb lua.Callback, scope *lua.Scope) context.Context {
	return cb.Env().Under(scope.Context()).WithScope(scope)
}

// closeReason is on_close's second argument.
func closeReason(c *engines.Conn, why error) any {
	if why == nil {
		return nil
	}
	var script *lua.ScriptError
	if errors.As(why, &script) {
		return &lua.Fault{Code: "ERROR", Message: script.Error(), Err: script}
	}
	if f, ok := plugins.Fault("", c.PeerName(), why).(*lua.Fault); ok {
		return f
	}
	return &lua.Fault{Code: "ERROR", Message: why.Error(), Err: why}
}

// A reporter prints the errors of a server's handlers, each text once: a handler that fails on every event must not
// flood the screen. stats() counts them all.
type reporter struct {
	say  func(text string)
	mu   sync.Mutex
	seen map[string]bool
}

// maxReports bounds how many different texts are printed.
const maxReports = 20

func newReporter(say func(text string)) *reporter {
	return &reporter{say: say, seen: map[string]bool{}}
}

func (r *reporter) handler(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	var exit *lua.ExitError
	if errors.As(err, &exit) {
		return
	}
	r.text("handler: " + err.Error())
}

func (r *reporter) text(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[text] || len(r.seen) >= maxReports {
		return
	}
	r.seen[text] = true
	r.say(text)
}
