package engines

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Recipe is how a process of its own makes an App anew: functions cannot be sent to another process, what they are
// made of can.
type Recipe struct {
	// Args start this program again as a process that makes Apps: see package child.
	Args []string
	// Setup is told to such a process before there is anything to do, so that it can stand ready.
	Setup []byte
	// Pack copies what the App is made of, as it is at this moment: for each process anew. Nil packs nothing.
	Pack func() ([]byte, error)
	// Heard gets what the App in the other process tells, in its order. Nil hears nothing.
	Heard func(kind byte, data []byte)
	// Bare is "echo" or "discard" for an App so simple that a child of fork, which has no Go runtime, can do it.
	Bare string
	// Isolate makes the App anew in this process, of what Pack has copied: one flow of control uses it, until end. The
	// context is the server's. Nil: all flows share the App.
	Isolate func(ctx context.Context, packed []byte) (app App, end func(), err error)
}

// Packed is what Pack gives.
func (r *Recipe) Packed() ([]byte, error) {
	if r.Pack == nil {
		return nil, nil
	}
	return r.Pack()
}

var errNoRecipe = errors.New("handlers of this model run in processes of their own, and this one cannot be made anew there")

// suitsApart says why an App cannot run in another process.
func suitsApart(model Model, app App) error {
	if model.Apart && app.Recipe == nil {
		return fmt.Errorf("model %q: %w", model.Name, errNoRecipe)
	}
	return nil
}

// Blame counts an error that is no connection's of this process.
func (ln *Listener) Blame(err error) { ln.hub.fail(reason(err)) }

// BlameText counts an error that was put in words in another process.
func (ln *Listener) BlameText(text string) { ln.hub.fail(text) }

// Log says what a person should know.
func (ln *Listener) Log(format string, args ...any) { ln.hub.log(format, args...) }

// SendLimit is how many bytes may wait in a connection's output queue.
func (ln *Listener) SendLimit() int { return ln.hub.limit }

// Also has f add to the stats what is counted elsewhere. It is called while they are summed up and must not ask for
// them itself.
func (ln *Listener) Also(f func(*Stats)) {
	ln.hub.mu.Lock()
	ln.hub.also = f
	ln.hub.mu.Unlock()
}

// Account runs f, which changes counters, while nobody sums them up.
func (ln *Listener) Account(f func()) {
	ln.hub.mu.Lock()
	defer ln.hub.mu.Unlock()
	f()
}

// Detach gives the descriptor to whoever asks: the connection belongs to another process from now on, and is neither
// closed here nor counted as closed. Calls that use it end, as at a close. -1 is a connection that is closed already.
func (c *Conn) Detach() int {
	for {
		n := c.refs.Load()
		if n&closedBit != 0 {
			return -1
		}
		// With a reference that is never given back, so that nobody closes.
		if c.refs.CompareAndSwap(n, n|closedBit+1) {
			break
		}
	}
	c.mu.Lock()
	f := c.flow
	c.mu.Unlock()
	for tries := 0; c.refs.Load() != closedBit+1 && tries < 1000; tries++ {
		if f != nil {
			f.closed.Store(true)
			f.poke()
		}
		time.Sleep(100 * time.Microsecond)
	}
	if f != nil {
		f.wake.close()
	}
	c.hub.remove(c)
	return c.fd
}
