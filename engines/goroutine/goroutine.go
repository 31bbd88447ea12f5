// Package goroutine is the model of Go itself: a goroutine for each connection, which blocks, while Go's own poller
// (one epoll descriptor for the whole program) waits for all of them. A blocked connection costs a goroutine's stack
// and no thread.
package goroutine

import (
	"context"
	"sync"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:      "goroutine",
		Style:     "linear",
		Linear:    true,
		About:     "a goroutine for each connection; Go's poller waits for all of them, so a blocked one holds no thread",
		Datagrams: true,
		New:       func(engines.Options) (engines.Engine, error) { return engine{}, nil },
	}
}

type engine struct{}

// Prepare hands the listener to Go's poller.
func (engine) Prepare(ln *engines.Listener) error { return ln.Park() }

// Serve starts a goroutine for each connection.
func (engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	var flows sync.WaitGroup
	defer flows.Wait()
	defer ln.Close()
	if ln.Datagrams() {
		return datagrams(ctx, ln, app, &flows)
	}
	ln.Rest(&app)
	done := func(error) { flows.Done() }
	for {
		c, err := ln.WaitAccept(ctx)
		if err != nil {
			return nil // the stop: WaitAccept has no other error
		}
		if err := c.Park(); err != nil {
			ln.Refuse(c, "Go's poller does not take the connection: "+err.Error())
			continue
		}
		flows.Add(1)
		engines.Go("a connection's goroutine", func() error {
			engines.Flow(ctx, c, &app)
			return nil
		}, done)
	}
}

// maxDatagrams is how many datagrams are handled at a time. UDP has no other brake: while so many are, those that come
// wait in the socket's buffer, and are dropped by the kernel when that is full.
const maxDatagrams = 1024

// datagrams starts a goroutine for each datagram.
func datagrams(ctx context.Context, ln *engines.Listener, app engines.App, flows *sync.WaitGroup) error {
	room := make(chan struct{}, maxDatagrams)
	return engines.ServeDatagrams(ctx, ln, app, func(handle func()) {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			ln.Counters().Closed.Add(1) // the one in hand is dropped
			return
		}
		flows.Add(1)
		engines.Go("a datagram's goroutine", func() error { handle(); return nil }, func(error) { <-room; flows.Done() })
	})
}
