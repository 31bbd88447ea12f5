package server

import (
	"context"
	"errors"
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

// changed lists the connections that want something else than when the engine last asked, or are over, each once.
func (l *Listener) changed() []*plugins.Conn {
	l.used()
	list := []*plugins.Conn{}
	for _, c := range l.takeNews() { // not under the lock: a connection that changes has its own first
		list = append(list, connOf(c, !l.app.IsLinear()))
	}
	return list
}

func (l *Listener) takeNews() (list []*engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.news {
		list = append(list, c)
	}
	clear(l.news)
	return list
}

// A scriptLoop is the Loop of connections that an engine in Lua drives.
type scriptLoop Listener

// Rearm tells that a connection wants something else.
func (l *scriptLoop) Rearm(c *engines.Conn, _, _ engines.Interest) syscall.Errno {
	(*Listener)(l).change(c, false)
	return 0
}

// Wake tells that a connection is over.
func (l *scriptLoop) Wake(c *engines.Conn) { (*Listener)(l).change(c, true) }

// Asked tells that the engine knows what the connection wants.
func (l *scriptLoop) Asked(c *engines.Conn) {
	l.mu.Lock()
	delete(l.news, c)
	l.mu.Unlock()
}

// change notes that a connection has changed, and ends the engine's wait.
func (l *Listener) change(c *engines.Conn, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if over {
		l.over[c] = true
	}
	l.news[c] = len(l.ends) > 0
	for end := range l.ends {
		(*end)()
	}
}

func (l *Listener) forget(c *engines.Conn) {
	l.mu.Lock()
	delete(l.news, c)
	delete(l.over, c)
	l.mu.Unlock()
}

// Waits is called by whoever waits for the listener beside other descriptors: end ends the wait, with nothing ready, when
// a connection has changed. Each change does so once, for an engine that does not ask. What comes back is called when
// the wait is over.
//
// A connection that is over when the engine waits again is one that it has closed and forgotten, as a program in C
// would: it is ended here.
func (l *Listener) Waits(end func()) (done func(ready bool)) {
	l.used()
	for _, c := range l.forgotten() {
		c.End(&l.app)
		l.forget(c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, told := range l.news {
		if !told {
			l.news[c] = true
			end()
		}
	}
	l.ends[&end] = true
	l.ln.Counters().Syscalls.Add(1)
	return func(ready bool) {
		l.mu.Lock()
		delete(l.ends, &end)
		l.mu.Unlock()
		if ready {
			l.found.Add(1)
			l.ln.Counters().Wakeups.Add(1)
		} else {
			l.nothing.Add(1)
		}
	}
}

// forgotten are the connections that are over, as the engine knows.
func (l *Listener) forgotten() (list []*engines.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.over {
		if told, news := l.news[c]; told || !news {
			list = append(list, c)
		}
	}
	return list
}

// onWait is listener:on_wait.
func (l *Listener) onWait(f lua.Callback) error {
	l.used()
	if l.event {
		return lua.Misusef("", "in a model of style 'event' nothing waits; on_wait is for linear handlers")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hook = f
	return nil
}

func (l *Listener) hooked() lua.Callback {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hook
}

// await calls the engine's on_wait in the flow of the call that has ctx.
func (l *Listener) await(ctx context.Context, what any, want engines.Interest) error {
	if env := lua.EnvOf(ctx); env != nil {
		l.mu.Lock()
		l.asked[env] = true
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			delete(l.asked, env)
			l.mu.Unlock()
		}()
	}
	_, err := l.hooked().Call(ctx, what, interest(want))
	var script *lua.ScriptError
	if errors.As(err, &script) {
		l.ln.Blame(&engineError{"on_wait: " + script.Error()})
		l.ln.Log("model %q: on_wait: %v", l.name, script)
	}
	return err
}

// byHook waits for a connection by the engine's on_wait.
type byHook struct {
	l    *Listener
	conn *plugins.Conn
}

func (h *byHook) Wait(ctx context.Context, want engines.Interest) error {
	h.l.mu.Lock()
	_, handled := h.l.flows[h.conn.Conn]
	h.l.mu.Unlock()
	if env := lua.EnvOf(ctx); env != nil && handled { // what runs now is the engine's
		env.Guest(-1)
		defer env.Guest(1)
	}
	return h.l.await(ctx, h.conn, want)
}

func (h *byHook) Poked() { h.l.change(h.conn.Conn, false) }

func interest(want engines.Interest) string {
	switch want {
	case engines.In:
		return "IN"
	case engines.Out:
		return "OUT"
	}
	return "IN|OUT"
}
