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

// ListenAddr is where to listen: the address that was given, if one was, or else the place's own.
func ListenAddr(place engines.Place, given *string) string {
	if given != nil {
		return *given
	}
	return engines.HomeAddr(place)
}

// A Keeper is a Place that may end: what was opened in it is closed then, whoever else owns it. A nil Scope is none.
type Keeper interface{ Scope() *lua.Scope }

// Keep has what was opened in a place closed with it.
func Keep(place engines.Place, held *lua.Held) *lua.Held {
	if k, ok := place.(Keeper); ok && k.Scope() != nil {
		held.Also(k.Scope())
	}
	return held
}

// PlaceOf is the place of a call: that of the surroundings, or here.
func PlaceOf(env *lua.Env) engines.Place {
	if p, ok := env.Place().(engines.Place); ok {
		return p
	}
	return engines.Here{}
}
