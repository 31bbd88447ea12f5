package engines

import "context"

// A steered connection has a loop that is written elsewhere and takes each step itself, where Begin and Turn take several
// at once: it asks what the connection Wants, waits for that in a way of its own, and says what to do then. Its Loop hears
// of every change of what is wanted, and is told to Wake a connection that is over.

// Steer gives the connection to such a loop. Nothing of the handler's is run yet.
func (c *Conn) Steer(loop Loop) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop = loop
	c.armed = c.want()
}

// Wants is what the connection has to be waited for; 0 when nothing is left to do with it but to End it.
func (c *Conn) Wants() Interest {
	if a, ok := c.loopOf().(interface{ Asked(*Conn) }); ok {
		a.Asked(c)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loop == nil || c.state&finished != 0 || c.over() {
		return 0
	}
	return c.want()
}

func (c *Conn) loopOf() Loop {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loop
}

// Eventful says whether an event loop, rather than a flow of control, waits for the connection.
func (c *Conn) Eventful() bool { return c.loopOf() != nil }

// Opened runs the handler's Open.
func (c *Conn) Opened(app *App) {
	if app.Open != nil {
		c.step(func() { c.outcome(c.open(app)) })
	}
}

// Given runs the handler's Data with what the loop has read.
func (c *Conn) Given(app *App, data []byte) {
	if app.Data != nil && len(data) > 0 {
		c.step(func() {
			if c.takesInput() {
				c.outcome(c.data(app, data))
			}
		})
	}
}

// CanRead reads once and hands over what has come, or has the handler read for itself.
func (c *Conn) CanRead(app *App) {
	c.step(func() {
		if !c.takesInput() {
			return
		}
		buf := c.hub.buffer()
		defer c.hub.buffers.Put(buf)
		c.input(app, *buf)
	})
}

// takesInput says whether the handler still wants to be given anything.
func (c *Conn) takesInput() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state&(closing|finished) == 0 && c.err == nil
}

// Flush gives the kernel what is queued, as far as it takes it, and says how many bytes are left.
func (c *Conn) Flush() (left int) {
	c.step(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.loop != nil {
			c.flush()
		}
		left = c.queued()
	})
	return left
}

// CanWrite runs the handler's Writable, if it waits for room and there is some.
func (c *Conn) CanWrite(app *App) {
	c.step(func() {
		if c.fed(app) {
			c.outcome(nil, c.writable(app))
		}
	})
}

// step does one thing with an open connection and tells its loop what it wants then.
func (c *Conn) step(do func()) {
	if !c.acquire() {
		return
	}
	defer c.release()
	do()
	c.settle()
}

// settle tells the loop of a change.
func (c *Conn) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rearm()
}

// Closed says whether the listener is closed: the server has ended.
func (ln *Listener) Closed() bool { return ln.closed.Load() }

// Owns says whether the connection came from the listener.
func (ln *Listener) Owns(c *Conn) bool { return c.hub == ln.hub }

// An Outsider waits for a connection in the place of the kernel and of Go's poller.
type Outsider interface {
	// Wait returns when what is wanted may be there: whoever waits looks again. Poked, which comes from any goroutine,
	// asks for that.
	Wait(ctx context.Context, want Interest) error
	Poked()
}

// WaitBy has the blocked calls on the connection wait in an outsider's way. It comes before the connection is used.
func (c *Conn) WaitBy(o Outsider) { c.waiting().by = o }

// outside waits by the outsider.
func (w *waiter) outside(ctx context.Context, want Interest) (Interest, error) {
	if err := w.over(ctx); err != nil {
		return 0, err
	}
	if want&In != 0 && w.in.poked.Swap(false) || want&Out != 0 && w.out.poked.Swap(false) {
		return 0, nil
	}
	defer context.AfterFunc(ctx, w.by.Poked)()
	err := w.by.Wait(ctx, want)
	w.in.poked.Store(false)
	w.out.poked.Store(false)
	if err == nil {
		err = w.over(ctx)
	}
	return want, err
}
