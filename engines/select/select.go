// Package selectmodel is the model of one flow of control that hands the kernel, for each wait, the whole list of what
// it is interested in: select(2), with its real limit. A set has 1024 bits, one for each descriptor from 0 to 1023,
// so a connection that gets a higher one cannot be waited for, however few connections there are.
package selectmodel

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:      "select",
		Style:     "event",
		About:     "select(2): each wait hands the kernel the whole list, of descriptors below 1024; one flow for all",
		Datagrams: true,
		New:       func(engines.Options) (engines.Engine, error) { return new(engine), nil },
	}
}

type engine struct {
	loop *engines.EventLoop
	full string // why a descriptor is refused, once one was
}

// Prepare makes sure that the listener itself fits into a set.
func (e *engine) Prepare(ln *engines.Listener) (err error) {
	e.loop, err = engines.NewEventLoop(ln, new(poller), engines.LoopOptions{Name: "select", Admit: e.admit})
	return err
}

// admit refuses a descriptor that has no bit. Who holds the others is found out once.
func (e *engine) admit(fd int) string {
	if fd < raw.FdSetSize {
		return ""
	}
	if e.full == "" {
		e.full = tooHigh(fd)
	}
	return e.full
}

// Serve runs the loop.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	return engines.ServeLoops(ctx, ln, app, e.loop)
}
