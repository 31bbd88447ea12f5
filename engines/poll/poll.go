// Package poll is the model of one flow of control that hands the kernel, for each wait, a list of the descriptors it is
// interested in: poll(2). Unlike select's sets the list has no end, so descriptor 1024 is as good as any; like them it
// is copied to the kernel and walked there in each wait, and walked here after it, so that an idle connection costs
// something every time.
package poll

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:      "poll",
		Style:     "event",
		About:     "poll(2): each wait hands the kernel the whole list, as long as it may be; one flow for all",
		Datagrams: true,
		New:       func(engines.Options) (engines.Engine, error) { return new(engine), nil },
	}
}

type engine struct{ loop *engines.EventLoop }

// Prepare makes the loop.
func (e *engine) Prepare(ln *engines.Listener) (err error) {
	e.loop, err = engines.NewEventLoop(ln, new(poller), engines.LoopOptions{Name: "poll"})
	return err
}

// Serve runs it.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	return engines.ServeLoops(ctx, ln, app, e.loop)
}
