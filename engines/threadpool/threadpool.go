// Package threadpool is the model of a fixed number of threads, which take accepted connections from a queue: so the
// number of threads is bounded, whatever comes, and none has to be started for a connection. A thread stays with its
// connection to the end; whoever comes when all are busy waits in the queue, accepted and unserved. Handlers may run in
// isolates: copies for each thread, made when the server starts, which it keeps from one connection to the next.
package threadpool

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:     "threadpool",
		Style:    "linear",
		Linear:   true,
		Isolates: true,
		About:    "a fixed number of threads, which take accepted connections from a queue and stay with each to its end",
		Workers:  8, MaxWorkers: 1024,
		New: func(o engines.Options) (engines.Engine, error) { return engine{o.Workers}, nil },
	}
}

// queueLimit is how many accepted connections may wait for a thread. When so many do nothing more is accepted: the
// others wait in the kernel's queue, whose limit is the backlog.
const queueLimit = 128

type engine struct{ threads int }

// Prepare sees to it that there can be so many threads: Go ends the program when the kernel refuses it one.
func (e engine) Prepare(*engines.Listener) error {
	if room, why := engines.ThreadRoom(); e.threads > room {
		return &engines.OptionError{Option: "workers", Text: fmt.Sprintf("there cannot be %d threads: %s", e.threads, why)}
	}
	return nil
}

// Serve accepts, and has the threads do the rest.
func (e engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	if !app.IsLinear() {
		ln.WakeUps()
	}
	own, err := app.Copy() // one moment for all: the threads start together
	if err != nil {
		ln.Close()
		return err
	}
	queue, ready := make(chan *engines.Conn, queueLimit), make(chan error, 2*e.threads)
	count := ln.Counters()
	var spare engines.SpareProcessors
	spare.For(e.threads)
	defer spare.Back()
	var threads sync.WaitGroup
	defer threads.Wait()
	defer ln.Close()
	defer close(queue)
	for range e.threads {
		count.Threads.Add(1)
		threads.Add(1)
		engines.Go("a thread of the pool", func() error {
			// Never unlocked: the thread ends with the goroutine.
			runtime.LockOSThread()
			return own.Run(ctx, func(app *engines.App) error {
				ready <- nil
				for c := range queue {
					count.Queued.Add(-1)
					serve(ctx, c, app)
				}
				return nil
			})
		}, func(err error) {
			ready <- err // as an isolate that could not be made; after that nobody listens
			count.Threads.Add(-1)
			threads.Done()
		})
	}
	for range e.threads {
		if err := <-ready; err != nil {
			return err
		}
	}
	for {
		c, err := ln.WaitAccept(ctx)
		if err != nil {
			return nil // the stop: WaitAccept has no other error
		}
		count.Queued.Add(1)
		select {
		case queue <- c:
		case <-ctx.Done():
			count.Queued.Add(-1)
			c.Close()
		}
	}
}

// serve runs one connection to its end; one that the stop of the server found in the queue is closed unserved.
func serve(ctx context.Context, c *engines.Conn, app *engines.App) {
	if ctx.Err() != nil {
		c.Close()
		return
	}
	engines.ThreadFlow(ctx, c, app)
}
