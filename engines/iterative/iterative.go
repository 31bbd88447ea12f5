// Package iterative is the simplest model: one flow of control that serves one connection to its end and only then
// accepts the next. Everybody else waits in the kernel's queue, connected and unserved.
package iterative

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:      "iterative",
		Style:     "linear",
		Linear:    true,
		About:     "one connection after the other; whoever comes meanwhile waits in the kernel's queue",
		Datagrams: true,
		New:       func(engines.Options) (engines.Engine, error) { return engine{}, nil },
	}
}

type engine struct{}

// Serve is the loop of the textbook: accept, serve, close.
func (engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	defer ln.Close()
	if ln.Datagrams() {
		return engines.ServeDatagrams(ctx, ln, app, func(handle func()) { handle() })
	}
	if !app.IsLinear() {
		ln.WakeUps()
	}
	for {
		c, err := ln.WaitAccept(ctx)
		if err != nil {
			return nil // the stop: WaitAccept has no other error
		}
		engines.Flow(ctx, c, &app)
	}
}
