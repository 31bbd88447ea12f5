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

// toldHandler is what a child tells its parent beside what its world does: a handler's error.
const toldHandler = 'h'

// A setup is what a child learns before there is anything to do.
type setup struct {
	Native bool // no Lua at all
	plugins.Inheritance
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
	if r.Setup, err = json.Marshal(setup{Inheritance: plugins.Inherit(env)}); err != nil {
		return nil, err
	}
	r.Pack = g.pack
	r.Heard = func(kind byte, data []byte) {
		if !plugins.Hear(w, kind, data) && kind == toldHandler {
			g.warn.text(string(data))
		}
	}
	return r, nil
}
