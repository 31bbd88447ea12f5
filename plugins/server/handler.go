package server

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A Handler is what an engine of style "event" calls.
type Handler struct {
	OnOpen     *lua.Closure `lua:"on_open" help:"on_open(conn): a connection was accepted"`
	OnData     *lua.Closure `lua:"on_data" help:"on_data(conn, data) with what conn:recv gave"`
	OnReadable *lua.Closure `lua:"on_readable,omitempty" help:"on_readable(conn): there is something to read, which the handler does for itself; nil unless the server was started with one"`
	OnWritable *lua.Closure `lua:"on_writable" help:"on_writable(conn): there is room again; the script's function is called if it waits for that"`
	OnClose    *lua.Closure `lua:"on_close" help:"on_close(conn): the end, with what is queued sent as far as it goes; closes the descriptor"`
}

// handler is what run gets as its second argument. All of it runs without the baton: the script's own functions take it
// again.
func (l *Listener) handler() any {
	if !l.event {
		return closure("handler", "conn", l.serve)
	}
	event := func(name string, do func(c *plugins.Conn)) *lua.Closure {
		return closure("handler."+name, "conn", func(_ context.Context, c *plugins.Conn) error {
			if err := l.owns(c); err != nil {
				return err
			}
			do(c)
			return nil
		})
	}
	h := Handler{
		OnOpen:     event("on_open", func(c *plugins.Conn) { c.Opened(&l.app) }),
		OnData:     closure("handler.on_data", "conn, data", l.data),
		OnWritable: event("on_writable", func(c *plugins.Conn) { c.CanWrite(&l.app) }),
		OnClose: event("on_close", func(c *plugins.Conn) {
			c.End(&l.app)
			l.forget(c.Conn)
		}),
	}
	if l.readsItself() {
		h.OnReadable = event("on_readable", func(c *plugins.Conn) { c.CanRead(&l.app) })
	}
	return h
}

func closure(name, params string, f any) *lua.Closure {
	return &lua.Closure{Fn: lua.Func{Name: name, Params: params, Call: f}}
}

// data is handler.on_data.
func (l *Listener) data(_ context.Context, c *plugins.Conn, data []byte) error {
	if err := l.owns(c); err != nil {
		return err
	}
	if l.readsItself() {
		return lua.Misusef("", "this server's handler receives for itself: where there is handler.on_readable, call that and do not receive")
	}
	c.Given(&l.app, data)
	return nil
}

// serve is handler(conn): it returns when the connection is closed. The stop of the server ends what the handler does,
// and not the engine, which may have more to do.
func (l *Listener) serve(ctx context.Context, c *plugins.Conn) error {
	if err := l.owns(c); err != nil {
		return err
	}
	env := lua.EnvOf(ctx)
	l.mu.Lock()
	_, busy := l.flows[c.Conn]
	if !busy {
		l.flows[c.Conn] = env
	}
	l.mu.Unlock()
	if busy {
		return lua.Misusef("conn", "a handler is at work on it already")
	}
	defer func() {
		l.mu.Lock()
		delete(l.flows, c.Conn)
		delete(l.news, c.Conn)
		l.mu.Unlock()
	}()
	env.Guest(1)
	defer env.Guest(-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	engines.Flow(ctx, c.Conn, &l.app)
	return nil
}

// readsItself says whether the script's handler does the receiving.
func (l *Listener) readsItself() bool { return l.app.Readable != nil && l.app.Data == nil }
