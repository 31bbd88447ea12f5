// Package epoll is the model of one flow of control that asks the kernel which of its many connections are ready:
// epoll(7), level-triggered. The kernel keeps the list of what is watched, so that a wait costs what is ready and not
// what is open. With several workers each has its own epoll descriptor, and the kernel wakes one for a new connection.
package epoll

import (
	"context"
	"fmt"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:  "epoll",
		Style: "event",
		About: "one flow for all connections; the kernel keeps the list of them and answers with those that are ready",
		New:   newEngine,
	}
}

func newEngine(o engines.Options) (engines.Engine, error) {
	if o.Trigger != "" && o.Trigger != "level" {
		return nil, fmt.Errorf("trigger %q: only \"level\" is there", o.Trigger)
	}
	if o.Workers < 0 || o.Workers > 256 {
		return nil, fmt.Errorf("%d workers: 1 to 256 are expected", o.Workers)
	}
	return &engine{workers: max(1, o.Workers)}, nil
}

type engine struct {
	workers int
	loops   []*engines.EventLoop
}

// Prepare makes the epoll descriptors and registers the listener with each.
func (e *engine) Prepare(ln *engines.Listener) error {
	for i := range e.workers {
		p, err := newPoller(ln.ForWorker(i), e.workers > 1)
		if err == nil {
			var l *engines.EventLoop
			if l, err = engines.NewEventLoop(ln.ForWorker(i), p, engines.LoopOptions{Name: "epoll_wait"}); err == nil {
				e.loops = append(e.loops, l)
				continue
			}
		}
		engines.CloseLoops(e.loops...)
		return err
	}
	return nil
}

// Serve runs the loops.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	return engines.ServeLoops(ctx, ln, app, e.loops...)
}
