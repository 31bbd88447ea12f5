// Package epoll is the model of one flow of control that asks the kernel which of its many connections are ready:
// epoll(7). The kernel keeps the list of what is watched, so that a wait costs what is ready and not what is open.
//
// It is told of a connection as long as there is something to read (level), or once when something has come (edge,
// EPOLLET): then it reads until EAGAIN; a handler that reads for itself has to do the same, or waits for what is there
// already. The listener is level-triggered in either case.
//
// With several workers each has its own epoll descriptor. They share the listener, and the kernel wakes one of them for
// a new connection (EPOLLEXCLUSIVE); or each has a listener of its own (SO_REUSEPORT). Their
// handlers may run in isolates, a copy for each worker.
package epoll

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:    "epoll",
		Style:   "event",
		About:   "epoll(7): the kernel keeps the list and answers with those that are ready; one flow for all",
		Workers: 1, MaxWorkers: 256, Edge: true, Datagrams: true, Isolates: true,
		New: func(o engines.Options) (engines.Engine, error) { return &engine{opts: o}, nil },
	}
}

type engine struct {
	opts  engines.Options
	loops []*engines.EventLoop
}

// Prepare makes the epoll descriptors and registers the listener with each.
func (e *engine) Prepare(ln *engines.Listener) error {
	for i := range e.opts.Workers {
		l, err := e.worker(ln, i)
		if err != nil {
			engines.CloseLoops(e.loops...)
			return err
		}
		e.loops = append(e.loops, l)
	}
	return nil
}

// worker makes the loop of worker i, from 0.
func (e *engine) worker(ln *engines.Listener, i int) (*engines.EventLoop, error) {
	own, shared := ln.ForWorker(i), e.opts.Workers > 1 && !ln.ReusePort()
	if i > 0 && !shared {
		var err error
		if own, err = ln.Another(i); err != nil {
			return nil, err
		}
	}
	edge := e.opts.Trigger == "edge"
	p, err := engines.NewEpoll(own, shared, edge)
	if err != nil {
		return nil, err
	}
	o := engines.LoopOptions{Name: "epoll_wait", Edge: edge}
	if shared {
		o.Batch = 1 // one that took all that wait would leave none for those who were woken beside it
	}
	return engines.NewEventLoop(own, p, o)
}

// Serve runs the loops.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	return engines.ServeLoops(ctx, ln, app, e.loops...)
}
