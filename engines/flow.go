package engines

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// Flow runs an App on a connection that has a flow of control of its own, until the connection is closed. So event
// Apps run on every model: here the loop has one connection.
func Flow(ctx context.Context, c *Conn, app *App) { c.run(ctx, app, 0) }

// ThreadFlow is Flow on a goroutine that is locked to its thread.
func ThreadFlow(ctx context.Context, c *Conn, app *App) { c.run(ctx, app, raw.Thread()) }

func (c *Conn) run(ctx context.Context, app *App, thread int32) {
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
	if f.parked == nil && f.driven == nil {
		buf := c.hub.buffer() // a thread has the room all along, as one in C has it on its stack
		defer c.hub.buffers.Put(buf)
		for open {
			open = c.ownTurn(ctx, f, app, *buf, thread)
		}
		return
	}
	if l := c.hub.lodge; l != nil && c.tabled && open {
		l.serve(ctx, c, app)
		return
	}
	for open {
		open = c.nextTurn(ctx, f, app)
	}
}

// ownTurn is a turn of a flow that has a buffer all along: it sleeps in recv, unless there is something else to wait for.
// The thread is 0 where the goroutine is not locked to one.
func (c *Conn) ownTurn(ctx context.Context, f *flow, app *App, buf []byte, thread int32) bool {
	c.mu.Lock()
	want := c.armed
	c.mu.Unlock()
	if want != In || app.readsItself() || c.secured() != nil || f.by != nil {
		return c.waitTurn(ctx, f, app, buf)
	}
	var n int
	var errno syscall.Errno
	var ok bool
	var err error
	if thread == 0 {
		n, errno, ok, err = f.sleep(ctx, buf)
	} else {
		n, errno, ok, err = f.sleepOn(thread, ctx, buf)
	}
	switch {
	case err != nil:
		c.End(app)
		return false
	case !ok:
		return c.Turn(app, 0, nil)
	}
	return c.TurnGiven(app, buf[:n], errno)
}

// nextTurn is a turn of a flow that holds no buffer while it waits: what it waits for is received with the wait.
func (c *Conn) nextTurn(ctx context.Context, f *flow, app *App) bool {
	c.mu.Lock()
	want := c.armed
	c.mu.Unlock()
	if want != In || app.readsItself() || c.secured() != nil {
		return c.lentTurn(ctx, f, app)
	}
	data, errno, err := f.take(ctx, &c.hub.buffers)
	switch {
	case err != nil:
		c.End(app)
		return false
	case data == nil && errno == syscall.EAGAIN:
		return c.Turn(app, 0, nil)
	}
	open := c.TurnGiven(app, data, errno)
	f.giveBack(&c.hub.buffers)
	return open
}

func (c *Conn) lentTurn(ctx context.Context, f *flow, app *App) bool {
	buf := c.hub.buffer()
	defer c.hub.buffers.Put(buf)
	return c.waitTurn(ctx, f, app, *buf)
}

// take waits until something has come and receives it, into a buffer of the pool's, which giveBack gives back. EAGAIN
// says that it was poked, and is to look again.
func (f *flow) take(ctx context.Context, pool *sync.Pool) (data []byte, errno syscall.Errno, err error) {
	if f.parked != nil {
		lent, n, errno, err := f.parked.recvLent(ctx, &f.waiter, pool)
		if lent == nil || err != nil {
			return nil, syscall.EAGAIN, err
		}
		f.lent = lent
		return (*lent)[:n], errno, nil
	}
	if f.driven != nil {
		return f.takeDriven(ctx, pool)
	}
	if ready, err := f.wait(ctx, In); ready == 0 || err != nil {
		return nil, syscall.EAGAIN, err
	}
	f.lent = lend(pool)
	f.count.Syscalls.Add(1)
	n, errno := raw.Recv(f.fd, *f.lent, 0)
	return (*f.lent)[:n], errno, nil
}

// takeDriven is take on the thread of a loop, or beside it.
func (f *flow) takeDriven(ctx context.Context, pool *sync.Pool) (data []byte, errno syscall.Errno, err error) {
	d := f.driven
	self := d.fiber()
	var some bool
	if self != nil {
		some, err = d.incoming(ctx, self, &f.waiter)
	} else {
		var ready Interest
		ready, err = f.wait(ctx, In)
		some = ready != 0
	}
	if !some || err != nil {
		return nil, syscall.EAGAIN, err
	}
	if self != nil {
		f.lent = d.loop.borrow(pool)
	} else {
		f.lent = lend(pool)
	}
	n, errno := d.conn.recvNow(*f.lent)
	if errno == syscall.EAGAIN {
		f.giveBack(pool)
		return nil, errno, nil
	}
	return (*f.lent)[:n], errno, nil
}

func (f *flow) giveBack(pool *sync.Pool) {
	switch {
	case f.lent == nil:
		return
	case f.driven != nil && f.driven.loop.here():
		f.driven.loop.restore(f.lent, pool)
	default:
		pool.Put(f.lent)
	}
	f.lent = nil
}

// waitTurn waits for what the connection's state asks for, and takes a turn.
func (c *Conn) waitTurn(ctx context.Context, f *flow, app *App, buf []byte) (open bool) {
	ready, err := c.awaitTurn(ctx, f)
	if err != nil {
		c.End(app)
		return false
	}
	return c.Turn(app, ready, buf)
}

// line runs a linear handler; its return closes the connection.
func (c *Conn) line(ctx context.Context, app *App) {
	c.lineEnded(ctx, c.linear(ctx, app))
}

func (c *Conn) lineEnded(ctx context.Context, err error) {
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
