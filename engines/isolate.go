package engines

import (
	"context"
	"fmt"
)

// A Copy is an App for a flow of control of its own: the App itself, which all of them share, or, where its Recipe
// makes isolates, one that is made anew of copies of what the App reached when the Copy was taken.
type Copy struct {
	app    *App
	packed []byte
}

// Copy copies what an App that runs in isolates reaches, as it is at this moment.
func (a *App) Copy() (Copy, error) {
	if !a.isolated() {
		return Copy{app: a}, nil
	}
	packed, err := a.Recipe.Packed()
	return Copy{a, packed}, err
}

// Run has f work with the App, on the calling goroutine. An isolate is made before and ended after; that it cannot be
// made is Run's error, or else it is f's.
func (c Copy) Run(ctx context.Context, f func(app *App) error) error {
	if !c.app.isolated() {
		return f(c.app)
	}
	app, end, err := c.app.Recipe.Isolate(ctx, c.packed)
	if err != nil {
		return fmt.Errorf("the handlers could not be made anew: %w", err)
	}
	defer end()
	return f(&app)
}

// Isolated says whether Run makes an isolate.
func (c Copy) Isolated() bool { return c.app.isolated() }

func (a *App) isolated() bool { return a.Recipe != nil && a.Recipe.Isolate != nil }

// suitsIsolates says why a model cannot run an App in isolates.
func suitsIsolates(model Model, app App, cfg *Config) error {
	if !cfg.Options.Isolate {
		return nil
	}
	wrong := func(text string) error { return &OptionError{"isolate", text} }
	switch {
	case model.Apart:
		return wrong(fmt.Sprintf("the model '%s' runs handlers in processes, and has no threads for them", model.Name))
	case !model.Isolates:
		return wrong(fmt.Sprintf("the model '%s' has no threads that run handlers beside each other%s", model.Name,
			having(cfg.Known, func(m Model) bool { return m.Isolates })))
	case cfg.Proto == "udp":
		return wrong("a datagram server has one socket and no connections: whatever its handlers keep, they keep together")
	case model.Workers > 0 && cfg.Options.Workers == 1:
		return wrong(fmt.Sprintf("the one worker of the model '%s' has nobody to be isolated from: give workers = 2 or more", model.Name))
	case !app.isolated():
		return wrong("these handlers cannot be made anew")
	}
	return nil
}
