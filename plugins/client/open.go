package client

import (
	"context"
	"errors"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// openOptions are those of client.open.
type openOptions struct {
	To        string        `lua:"to,required" help:"where to connect, \"host:port\" or \"unix:/path\""`
	N         int           `lua:"n" default:"1" min:"1" max:"100000000" help:"how many connections; what one process cannot hold is spread over worker processes"`
	Rate      float64       `lua:"rate" default:"0" min:"0" help:"connections a second; 0 is as fast as possible"`
	From      string        `lua:"from" help:"this end's address; the kernel's choice when absent, and for many connections on loopback addresses from 127.1.0.1 on, each with ports of its own"`
	Timeout   time.Duration `lua:"timeout" default:"10s" help:"seconds to wait for each connection"`
	Behaviour *Behaviour    `lua:"behaviour" help:"how each client misbehaves by itself: client.silent{}, client.slow{}, …"`
	plugins.Where
}

// workerRole is what nsh starts itself again as, to hold a part of a crowd.
const workerRole = "client-crowd"

func open(ctx context.Context, env *lua.Env, o openOptions) (*Crowd, error) {
	if err := errors.Join(checkTarget("to", o.To), checkFrom(o.From)); err != nil {
		return nil, err
	}
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "open", o.To)
	show := newProgress(env, "connections to "+o.To)
	c, err := crowd.Open(during, crowd.Options{To: o.To, N: o.N, Rate: o.Rate, From: o.From, Timeout: o.Timeout, Place: place,
		Behaviour: o.Behaviour.engine(), Args: []string{plugins.RolePrefix + workerRole}, Progress: show.crowd})
	show.end()
	var over *crowd.LimitError
	if errors.As(err, &over) {
		return nil, &lua.Fault{Code: engines.Code(over), Op: "open", Addr: o.To, Message: over.Error(), Err: err}
	}
	if err = end(err); err != nil {
		return nil, plugins.Fault("open", o.To, err)
	}
	out := &Crowd{held: &held{to: o.To, crowd: c, env: env, place: place}, part: c.All()}
	out.owner = plugins.Keep(place, env.Own("crowd to "+o.To, func() { out.end(false) }))
	return out, nil
}
