package server

import (
	"context"
	"errors"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

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
