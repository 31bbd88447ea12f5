package server

import (
	"encoding/json"
	"fmt"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// childRole is nsh as a process that serves a connection, or a listener, with handlers of a script's.
const childRole = "server-child"

// What a child tells its parent.
const (
	toldOutput  = 'o' // what was printed
	toldError   = 'e' // what was written to the standard error
	toldHandler = 'h' // a handler's error
	toldFailed  = 'x' // failed checks, a byte for each
)

// A setup is what a child learns before there is anything to do.
type setup struct {
	Native       bool // no Lua at all
	Script       string
	Args         []string
	JSON         bool
	Confine      bool
	Handed       bool // files are opened by another process, which knows nothing of this one
	LoopbackOnly bool
	Elsewhere    bool // the script's sockets are made in a laboratory, where the child cannot make any
}

// recipe is how a child makes the handlers anew.
func (o *options) recipe(env *lua.Env, model engines.Model) (*engines.Recipe, error) {
	r := &engines.Recipe{Args: []string{plugins.RolePrefix + childRole}}
	w := env.World()
	if name, ok := o.Handler.Text(); ok {
		if name == "echo" || name == "discard" {
			r.Bare = name
		}
		r.Setup, _ = json.Marshal(setup{Native: true})
		r.Pack = func() ([]byte, error) { return pack(packed{Handler: name}, nil) }
		return r, nil
	}
	g, err := o.gather(env, fmt.Sprintf("the model '%s' runs handlers in processes of their own", model.Name))
	if err != nil {
		return nil, err
	}
	cfg := w.Config()
	here, isHere := plugins.PlaceOf(env).(engines.Here)
	if r.Setup, err = json.Marshal(setup{Script: cfg.Script, Args: cfg.Args, JSON: cfg.JSON, Confine: cfg.Confine,
		Handed: cfg.Files != nil, LoopbackOnly: here.LoopbackOnly, Elsewhere: !isHere}); err != nil {
		return nil, err
	}
	r.Pack = g.pack
	r.Heard = func(kind byte, data []byte) {
		switch kind {
		case toldOutput:
			w.Forward(string(data))
		case toldError:
			w.ForwardError(string(data))
		case toldHandler:
			g.warn.text(string(data))
		case toldFailed:
			w.AddFailures(len(data))
		}
	}
	return r, nil
}
