package server

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// An isolator makes worlds of their own for the threads of a server.
type isolator struct {
	*gathered
	set   *plugins.Set
	place engines.Place
}

// isolates is how a thread makes the handlers anew. A model whose threads come with connections copies at each accept;
// where they are workers, all have the copies that were made when the server was started.
func (o *options) isolates(env *lua.Env, model engines.Model) (*engines.Recipe, error) {
	if name, native := o.Handler.Text(); native {
		return nil, lua.Misusef("isolate", "the native handler '%s' has no Lua world, and needs none of its own", name)
	}
	g, err := o.gather(env, "isolate = true runs handlers in Lua worlds of their own")
	if err != nil {
		return nil, err
	}
	i := &isolator{g, plugins.SetOf(env.World()), plugins.PlaceOf(env)}
	r := &engines.Recipe{Pack: g.pack, Isolate: i.make}
	if model.Workers > 0 {
		r.Pack = func() ([]byte, error) { return g.first, nil }
	}
	return r, nil
}

// make makes a world, and the App in it.
func (i *isolator) make(ctx context.Context, data []byte) (app engines.App, end func(), err error) {
	p, snapshot, err := unpack(data)
	if err != nil {
		return app, nil, err
	}
	world, err := i.world.Isolate(i.place)
	if err != nil {
		return app, nil, err
	}
	i.set.Attach(world)
	scope := lua.NewScope(ctx, world.Root()) // the stop of the server ends whatever runs
	fns, err := world.Thaw(snapshot)
	if err == nil {
		app, err = p.app(fns, scope, i.warn)
	}
	if err != nil {
		world.End()
		return app, nil, err
	}
	return app, world.End, nil
}
