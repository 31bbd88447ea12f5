// Package thread is the model of a thread for each connection: a real one, which the kernel schedules and lists in
// /proc/PID/task, and which blocks in the kernel while its connection has nothing to say. It ends with the connection.
// Handlers may run in isolates: copies for each connection, made when it is accepted.
package thread

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
		Name:     "thread",
		Style:    "linear",
		Linear:   true,
		Isolates: true,
		About:    "a thread of the operating system for each connection, which blocks in the kernel",
		New:      func(engines.Options) (engines.Engine, error) { return engine{}, nil },
	}
}

type engine struct{}

// Serve starts a thread for each connection.
func (engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	var flows sync.WaitGroup
	defer flows.Wait()
	defer ln.Close()
	if !app.IsLinear() {
		ln.WakeUps()
	}
	room, why := engines.ThreadRoom()
	full := fmt.Sprintf("no thread for the connection: %s", why)
	threads := &ln.Counters().Threads
	var spare engines.SpareProcessors
	defer spare.Back()
	for {
		c, err := ln.WaitAccept(ctx)
		if err != nil {
			return nil // the stop: WaitAccept has no other error
		}
		if threads.Load() >= int64(room) {
			ln.Refuse(c, full)
			continue
		}
		own, err := app.Copy() // at the accept, as fork would copy it
		if err != nil {
			ln.Refuse(c, "no isolate for the connection: "+err.Error())
			continue
		}
		if n := int(threads.Add(1)); !own.Isolated() {
			spare.For(n)
		} else {
			spare.For(1) // isolates compute at the same time, and Go would keep a thread more for each processor
		}
		flows.Add(1)
		engines.Go("a connection's thread", func() error {
			// Never unlocked: the thread ends with the goroutine, as a thread of a C server would.
			runtime.LockOSThread()
			return own.Run(ctx, func(app *engines.App) error { engines.ThreadFlow(ctx, c, app); return nil })
		}, func(err error) {
			if err != nil {
				ln.Refuse(c, err.Error()) // or Flow has closed it
			}
			threads.Add(-1)
			flows.Done()
		})
	}
}
