package server

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A Listener is what an engine written in Lua accepts from. It hears what becomes of the connections that the engine
// has, which may be changed by others at any time: by a handler of another connection, by a fiber, by a stop.
type Listener struct {
	ln    *engines.Listener
	app   engines.App
	event bool
	ctx   context.Context // ends with the server's, and with run
	stop  context.CancelFunc
	name  string

	touched chan struct{} // closed when the engine has used the listener
	touch   sync.Once

	found, nothing atomic.Int64 // calls that found something, and that did not: see watch

	mu    sync.Mutex
	hook  lua.Callback
	news  map[*engines.Conn]bool     // changed, and the engine has not asked since; true when a wait has ended for it
	over  map[*engines.Conn]bool     // nothing is left to do but to end them; the engine has been told when news has not
	flows map[*engines.Conn]*lua.Env // those that a handler is at work on, and the calls of it
	asked map[*lua.Env]bool          // calls of on_wait that have not returned
	ends  map[*func()]bool           // of the waits that are going on
}

func newListener(ctx context.Context, d *definition, ln *engines.Listener, app engines.App) *Listener {
	ctx, stop := context.WithCancel(ctx)
	return &Listener{ln: ln, app: app, event: d.Style == "event", ctx: ctx, stop: stop, name: d.name,
		touched: make(chan struct{}), news: map[*engines.Conn]bool{}, over: map[*engines.Conn]bool{},
		flows: map[*engines.Conn]*lua.Env{}, asked: map[*lua.Env]bool{}, ends: map[*func()]bool{}}
}

func (l *Listener) String() string { return fmt.Sprintf("Listener %s (model %s)", l.ln.Name(), l.name) }

func (l *Listener) used() { l.touch.Do(func() { close(l.touched) }) }

// Fileno is the descriptor, for what waits; -1 once the server has ended.
func (l *Listener) Fileno() int {
	l.used()
	if l.ln.Closed() {
		return -1
	}
	return l.ln.Fileno()
}

// Closed says whether the server has ended.
func (l *Listener) Closed() bool { return l.ln.Closed() }

func (l *Listener) fileno() (int, error) {
	if n := l.Fileno(); n >= 0 {
		return n, nil
	}
	return 0, lua.Misusef("", "the server has ended")
}

// shortNap is how long an event engine's accept holds up its caller while there is no descriptor for another connection:
// the listener stays readable, and the engine would ask again at once.
const shortNap = 10 * time.Millisecond

// accept takes a connection; nil is the stop.
func (l *Listener) accept(ctx context.Context) (*plugins.Conn, error) {
	l.used()
	for l.ctx.Err() == nil {
		c, err := l.ln.Accept()
		switch {
		case err == nil:
			l.found.Add(1)
			if conn := l.adopt(c); conn != nil {
				return conn, nil
			}
			continue
		case err != syscall.EAGAIN:
			return nil, nil
		}
		if pause := l.ln.Pause(); pause > 0 && (l.event || !l.hooked().IsNil()) {
			nap(ctx, min(pause, shortNap))
		}
		switch {
		case l.event:
			l.nothing.Add(1)
			return nil, plugins.Fault("accept", l.ln.Name(), syscall.EAGAIN)
		case !l.hooked().IsNil():
			err = l.await(ctx, l, engines.In)
		default:
			err = l.ln.Wait(ctx)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && l.ctx.Err() == nil {
			return nil, err
		}
	}
	return nil, nil
}

func nap(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// adopt makes a connection the engine's.
func (l *Listener) adopt(c *engines.Conn) *plugins.Conn {
	conn := connOf(c, !l.app.IsLinear())
	switch {
	case l.event:
		c.Steer((*scriptLoop)(l))
	case !l.hooked().IsNil():
		c.WaitBy(&byHook{l, conn})
	default:
		if err := c.Park(); err != nil {
			l.ln.Refuse(c, "Go's poller does not take the connection: "+err.Error())
			return nil
		}
	}
	return conn
}

// refuse closes a connection that the engine cannot serve, and counts it with the reason.
func (l *Listener) refuse(c *plugins.Conn, why string) error {
	if err := l.owns(c); err != nil {
		return err
	}
	if why == "" {
		return lua.Misusef("why", "is empty: say why the connection cannot be served")
	}
	if c.Fileno() >= 0 {
		l.ln.Refuse(c.Conn, why)
		l.forget(c.Conn)
	}
	return nil
}

func (l *Listener) owns(c *plugins.Conn) error {
	if !l.ln.Owns(c.Conn) {
		return lua.Misusef("conn", "is no connection of this server's")
	}
	return nil
}
