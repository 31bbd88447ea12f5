package plugins

import (
	"context"

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

// During is for a call that opens something in a place and waits for it: its context ends with the place, too. What the
// call gives then is passed through end, which says why.
func During(ctx context.Context, place engines.Place, op, addr string) (_ context.Context, end func(error) error) {
	k, ok := place.(Keeper)
	if !ok || k.Scope() == nil {
		return ctx, func(err error) error { return err }
	}
	lives := k.Scope().Context()
	during, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(lives, cancel)
	return during, func(err error) error {
		stop()
		cancel()
		if err != nil && ctx.Err() == nil && lives.Err() != nil {
			return &lua.Fault{Op: op, Addr: addr, Code: "ESHUTDOWN", Message: "the laboratory was closed meanwhile"}
		}
		return err
	}
}

// PlaceOf is the place of a call: that of the surroundings, or here.
func PlaceOf(env *lua.Env) engines.Place {
	if p, ok := env.Place().(engines.Place); ok {
		return p
	}
	return engines.Here{}
}
