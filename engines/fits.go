package engines

import (
	"errors"
	"fmt"
	"strings"
)

// fits says why a model cannot run an App.
func fits(model Model, app App, known []Model) error {
	events := app.Open != nil || app.Data != nil || app.Readable != nil || app.Writable != nil || app.Close != nil
	switch {
	case app.IsLinear() && events:
		return errors.New("a handler is either linear or made of events, not both")
	case !app.IsLinear() && !events:
		return errors.New("a server needs a handler")
	case app.Data != nil && app.Readable != nil:
		return errors.New("on_data gets what was read, on_readable reads for itself: only one of them can be given")
	case !app.IsLinear() || model.Linear:
		return nil
	}
	var can []string
	for _, m := range known {
		if m.Linear {
			can = append(can, m.Name)
		}
	}
	if can == nil {
		can = []string{"goroutine", "thread", "iterative"}
	}
	return fmt.Errorf("model %q has one flow of control for all its connections, so a handler that waits for its own "+
		"connection would make every other one wait: give it event handlers (on_data, …), or take a model that gives "+
		"each connection a flow of its own (%s)", model.Name, strings.Join(can, ", "))
}

// An OptionError is an option that a model does not have, or a value that it cannot have.
type OptionError struct {
	Option string // by its name in scripts
	Text   string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Text }

// suits says why a model cannot run with the options, and fills in what was left to it.
func suits(model Model, app App, cfg *Config) error {
	o := &cfg.Options
	if cfg.Proto == "udp" && !model.Datagrams {
		return &OptionError{"proto", fmt.Sprintf("the model '%s' serves connections only, and UDP has none%s", model.Name,
			having(cfg.Known, func(m Model) bool { return m.Datagrams }))}
	}
	if cfg.TLS != nil {
		if err := suitsTLS(model, app, cfg); err != nil {
			return err
		}
	}
	if _, unix := UnixPath(cfg.Addr); unix && cfg.ReusePort {
		return &OptionError{"reuse_port", "a unix socket's path is one listener's"}
	} else if unix && cfg.Proto == "udp" {
		return &OptionError{"proto", "unix sockets are streams here, not datagrams"}
	}
	if cfg.Proto == "udp" {
		if err := suitsDatagrams(app, o); err != nil {
			return err
		}
	}
	switch {
	case o.Workers == 0:
		o.Workers = max(1, model.Workers)
	case model.Workers == 0 && o.Workers != 1:
		return &OptionError{"workers", fmt.Sprintf("the model '%s' has no workers to be told the number of%s",
			model.Name, having(cfg.Known, func(m Model) bool { return m.Workers > 0 }))}
	case model.Workers > 0 && (o.Workers < 1 || o.Workers > model.MaxWorkers):
		return &OptionError{"workers", fmt.Sprintf("the model '%s' has 1 to %d workers, not %d", model.Name, model.MaxWorkers, o.Workers)}
	}
	switch o.Trigger {
	case "":
		o.Trigger = "level"
	case "level":
	case "edge":
		if !model.Edge {
			return &OptionError{"trigger", fmt.Sprintf("the model '%s' cannot be told of edges%s",
				model.Name, having(cfg.Known, func(m Model) bool { return m.Edge }))}
		}
	default:
		return &OptionError{"trigger", fmt.Sprintf(`"level" or "edge" is expected, not %s`, quote(o.Trigger))}
	}
	return nil
}

// suitsDatagrams says why an App cannot be one of datagrams.
func suitsDatagrams(app App, o *Options) error {
	for _, c := range []struct {
		given        bool
		option, text string
	}{
		{app.Open != nil, "on_open", "UDP has no connections that could be opened: on_data gets each datagram"},
		{app.Close != nil, "on_close", "UDP has no connections that could end: on_data gets each datagram"},
		{app.Readable != nil, "on_readable", "a datagram is read whole or lost: on_data gets each one"},
		{app.Writable != nil, "on_writable", "UDP queues nothing that could be waited for: on_data gets each datagram"},
		{o.Trigger == "edge", "trigger", "a datagram server has one socket, which it is told of as long as there is something to read"},
	} {
		if c.given {
			return &OptionError{c.option, c.text}
		}
	}
	return nil
}

// having says which models have an option.
func having(known []Model, is func(Model) bool) string {
	var names []string
	for _, m := range known {
		if is(m) {
			names = append(names, m.Name)
		}
	}
	if names == nil {
		return ""
	}
	return "; it is an option of " + strings.Join(names, ", ")
}
