package engines

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// Flow runs an App on a connection that has a flow of control of its own, until the connection is closed. So event
// Apps run on every model: here the loop has one connection.
func Flow(ctx context.Context, c *Conn, app *App) {
	if c.hub.tls != nil && !c.secureFlow(ctx, app) {
		return
	}
	if app.IsLinear() {
		c.line(ctx, app)
		return
	}
	f := c.waiting()
	if f.parked == nil && f.driven == nil && f.by == nil {
		// Others may send on this connection, and so change what it waits for. WakeUps has made this before the accept.
		if _, err := f.wake.ensure(); err != nil {
			c.blame(err)
			c.closeDescriptor()
			return
		}
	}
	open := c.Begin((*flowLoop)(f), app)
	for open {
		ready, err := c.awaitTurn(ctx, f)
		if err != nil {
			c.End(app)
			return
		}
		buf := c.hub.buffer()
		open = c.Turn(app, ready, *buf)
		c.hub.buffers.Put(buf)
	}
}

// line runs a linear handler; its return closes the connection.
func (c *Conn) line(ctx context.Context, app *App) {
	err := guard(func() error { return app.Linear(ctx, c) })
	if err == nil || errors.Is(err, io.EOF) {
		err = c.Err() // what the handler has seen and made its peace with
	}
	c.failed(err)
	if err != nil && ctx.Err() == nil {
		c.blame(err)
	}
	c.closeDescriptor()
}

// awaitTurn waits for what the connection's state asks for.
func (c *Conn) awaitTurn(ctx context.Context, f *flow) (Interest, error) {
	c.mu.Lock()
	want := c.armed
	c.mu.Unlock()
	ready, err := f.wait(ctx, want)
	// A parked flow waits in one direction only, so the other is asked for.
	if f.parked != nil && ready == Out && want&In != 0 && c.pollNow(In) != 0 {
		ready |= In
	}
	return ready, err
}

// flowLoop is the Loop of a flow that runs event handlers.
type flowLoop flow

// Rearm makes the flow look again at what to wait for.
func (f *flowLoop) Rearm(_ *Conn, was, _ Interest) syscall.Errno {
	if was != 0 {
		f.poke()
	}
	return 0
}

// Wake makes the flow take a turn.
func (f *flowLoop) Wake(*Conn) { f.poke() }
