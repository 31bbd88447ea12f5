package engines

import (
	"context"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// ServeFlows runs a loop on a thread of its own that makes the system calls of connections which have a flow of control
// each. It returns when ctx has ended and the flows have: until then the loop goes on.
func ServeFlows(ctx context.Context, ln *Listener, app App, l *EventLoop) error {
	defer CloseLoops(l)
	defer ln.Close()
	l.vacant, l.late = make(chan struct{}), make(chan struct{}, 1)
	l.spawn = func(c *Conn) { l.start(ctx, c.driven, &app) }
	over, end := context.WithCancel(context.Background())
	defer end()
	stop := context.AfterFunc(over, l.stop)
	defer stop()
	failed := make(chan error, 1)
	Go("an event loop", func() error {
		ln.count.Threads.Add(1)
		defer ln.count.Threads.Add(-1)
		l.self = raw.Self()
		l.running.Store(l.self)
		defer l.running.Store(0)
		failed <- safely("an event loop", func() error { return RunLoop(over, app, l) })
		for l.living > 0 { // where the loop has failed: their connections are closed, and the server's context ends now
			<-l.late
			l.goOn()
		}
		return nil
	}, func(error) {})
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	l.deafen()
	l.flows.Wait()
	// A call from elsewhere may still hold a connection, whose descriptor is to be closed by the loop's thread, too.
	select {
	case <-l.vacant:
	case <-time.After(stopLimit / 2):
	}
	end()
	return <-failed
}

// deafen makes the loop accept nothing more. No flow is started from now on.
func (l *EventLoop) deafen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = true
	l.vacate(0)
	l.rouse()
}

// vacate counts connections that have gone, and says so when they were the last; l.mu is held.
func (l *EventLoop) vacate(gone int) {
	l.driving -= gone
	if l.deaf && l.driving == 0 {
		close(l.vacant)
	}
}

// post has the loop visit a driven connection; false when there is no loop any more.
func (l *EventLoop) post(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.pending = append(l.pending, c)
	l.rouse()
	return true
}

// adopt gives a connection just accepted, which the loop drives, a flow; l.mu is held.
func (l *EventLoop) adopt(c *Conn, fd int) (ok bool) {
	if l.deaf || l.poller.Watch(fd, l.slots.At(fd).tag, 0, In|Out) != 0 {
		return false
	}
	l.driving++
	l.flows.Add(1)
	c.driven.adopted = true
	return true
}
