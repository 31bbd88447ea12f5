// Package epoll is the model of one flow of control that asks the kernel which of its many connections are ready:
// epoll(7), level-triggered. The kernel keeps the list of what is watched, so that a wait costs what is ready and not
// what is open. With several workers each has its own epoll descriptor, and the kernel wakes one for a new connection.
package epoll

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
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
	loops   []*loop
}

// Prepare makes the epoll descriptors and registers the listener with each.
func (e *engine) Prepare(ln *engines.Listener) error {
	for i := range e.workers {
		l, err := newLoop(ln.ForWorker(i), e.workers > 1)
		if err != nil {
			e.close()
			return err
		}
		e.loops = append(e.loops, l)
	}
	return nil
}

func (e *engine) close() {
	for _, l := range e.loops {
		l.close()
	}
}

// Serve runs the loops. A loop that waits without the scheduler keeps a processor busy: each gets one more.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	raw.MoreProcs(len(e.loops))
	defer raw.MoreProcs(-len(e.loops))
	defer e.close()
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() {
		for _, l := range e.loops {
			l.wakeUp()
		}
	})
	defer stop()
	failed := make([]error, len(e.loops))
	var running sync.WaitGroup
	for i, l := range e.loops {
		running.Add(1)
		engines.Go("an event loop", func() error { return l.run(ctx, &app) },
			func(err error) { failed[i] = err; running.Done() })
	}
	running.Wait()
	return errors.Join(failed...)
}
