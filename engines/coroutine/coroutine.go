// Package coroutine is the model of one thread and a fiber for each connection, as gevent has it: a handler is one
// straight line, its calls look blocking, and where one would block another fiber goes on. To the kernel there is one
// thread, with one epoll descriptor, which accepts, receives, sends and closes for all connections; what nobody asks
// for stays in the kernel.
package coroutine

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:   "coroutine",
		Style:  "linear",
		Linear: true,
		About:  "a fiber for each connection, which switches where it waits; one thread makes all their system calls",
		New:    func(engines.Options) (engines.Engine, error) { return new(engine), nil },
	}
}

type engine struct{ loop *engines.EventLoop }

// Prepare makes the loop. It is told of edges: a fiber that wants nothing costs no wake-ups then, whatever comes.
func (e *engine) Prepare(ln *engines.Listener) error {
	p, err := engines.NewEpoll(ln, false, true)
	if err == nil {
		e.loop, err = engines.NewEventLoop(ln, p, engines.LoopOptions{Name: "epoll_wait", Alone: true})
	}
	return err
}

// Serve runs the loop and the fibers.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	return engines.ServeFlows(ctx, ln, app, e.loop)
}
