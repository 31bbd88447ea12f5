package plugins

import (
	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// Where is the option group of everything that opens a socket.
type Where struct {
	On engines.Place `lua:"on" help:"where: a laboratory's host; where the script runs when absent"`
}

// Place is where the sockets are to be made.
func (w Where) Place(env *lua.Env) engines.Place {
	if w.On != nil {
		return w.On
	}
	return PlaceOf(env)
}

// PlaceOf is the place of a call: that of the surroundings, or here.
func PlaceOf(env *lua.Env) engines.Place {
	if p, ok := env.Place().(engines.Place); ok {
		return p
	}
	return engines.Here{}
}
