package server

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// runChild is the role.
func runChild(set *plugins.Set, _ []string) int {
	return child.Main(&maker{set: set, ending: make(chan struct{})})
}

// A maker makes a script's handlers anew, in a world of their own.
type maker struct {
	set    *plugins.Set
	tell   child.Tell
	setup  setup
	world  *lua.World // nil for native handlers
	style  show.Options
	ending chan struct{} // closed when the work is done
}

// Setup makes the world, which takes a few milliseconds that no connection should wait for.
func (m *maker) Setup(data []byte, tell child.Tell) (err error) {
	m.tell = tell
	if err := json.Unmarshal(data, &m.setup); err != nil || m.setup.Native {
		return err
	}
	m.world, err = m.setup.World(m.set, m.tell, func() show.Options { return m.style })
	return err
}

// Make makes the App.
func (m *maker) Make(_ context.Context, data []byte) (engines.App, error) {
	p, snapshot, err := unpack(data)
	if err != nil {
		return engines.App{}, err
	}
	if m.world == nil {
		return (&options{}).native(p.Handler)
	}
	m.style = p.Style
	fns, err := m.world.Thaw(snapshot)
	if err != nil {
		return engines.App{}, err
	}
	app, err := p.app(fns, m.world.Root(), newReporter(func(text string) { m.tell(toldHandler, []byte(text)) }))
	if err == nil {
		lua.Go("os.exit", nil, m.watch)
	}
	return m.quiet(app), err
}

// watch ends the process of a script that has said os.exit, whatever its handlers wait for.
func (m *maker) watch() {
	<-m.world.Done()
	exit := m.world.Exited()
	if exit == nil {
		return
	}
	select {
	case <-m.ending:
	case <-time.After(exitGrace):
		os.Exit(m.finish())
	}
}

// exitGrace is how long a handler has after os.exit, for what it has queued to be sent.
const exitGrace = 200 * time.Millisecond

// Over says that a handler has said os.exit.
func (m *maker) Over() bool { return m.world != nil && m.world.Exited() != nil }

// Code closes what the handlers have left open.
func (m *maker) Code() int {
	close(m.ending)
	if m.world == nil {
		return 0
	}
	m.world.Close()
	return m.finish()
}

func (m *maker) finish() int { return plugins.TellEnd(m.world, m.tell) }

// quiet makes os.exit in a handler an end like any other: it is not the connection's error.
func (m *maker) quiet(app engines.App) engines.App {
	pass := func(c *engines.Conn, err error) error {
		if err != nil && m.Over() {
			c.Close()
			return nil
		}
		return err
	}
	out := app
	if f := app.Linear; f != nil {
		out.Linear = func(ctx context.Context, c *engines.Conn) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(m.world.Root().Context(), cancel)()
			return pass(c, f(ctx, c))
		}
	}
	if f := app.Open; f != nil {
		out.Open = func(c *engines.Conn) ([]byte, error) { r, err := f(c); return r, pass(c, err) }
	}
	if f := app.Data; f != nil {
		out.Data = func(c *engines.Conn, d []byte) ([]byte, error) { r, err := f(c, d); return r, pass(c, err) }
	}
	if f := app.Readable; f != nil {
		out.Readable = func(c *engines.Conn) error { return pass(c, f(c)) }
	}
	if f := app.Writable; f != nil {
		out.Writable = func(c *engines.Conn) error { return pass(c, f(c)) }
	}
	return out
}
