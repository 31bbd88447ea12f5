package server

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

// An isolator makes worlds of their own for the threads of a server.
type isolator struct {
	*gathered
	set   *plugins.Set
	place engines.Place
	alive atomic.Int64
	room  int64
}

// worldMemory is what a world is reckoned to take, with its thread. An empty one was measured to take 190 KB, which Go's
// collector lets grow to twice as much and more while others compute; a thread has a stack, and handlers have variables.
const worldMemory = 2 << 20

// worldRoom is how many worlds may be alive, in half of the memory that there is: past its limit Go ends the program.
func worldRoom() int64 {
	available := int64(engines.MemAvailable())
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &limit) == nil && limit.Cur < 1<<62 && (available == 0 || int64(limit.Cur) < available) {
		available = int64(limit.Cur)
	}
	if available == 0 {
		available = 1 << 30
	}
	return max(16, available/2/worldMemory)
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
	i := &isolator{gathered: g, set: plugins.SetOf(env.World()), place: plugins.PlaceOf(env), room: worldRoom()}
	r := &engines.Recipe{Pack: g.pack, Isolate: i.make}
	if model.Workers > 0 {
		r.Pack = func() ([]byte, error) { return g.first, nil }
	}
	return r, nil
}

// make makes a world, and the App in it, if there is room for one more.
func (i *isolator) make(ctx context.Context, data []byte) (app engines.App, end func(), err error) {
	if i.alive.Add(1) > i.room {
		i.alive.Add(-1)
		return app, nil, fmt.Errorf("%d Lua worlds are as many as there is memory for", i.room)
	}
	app, leave, err := i.populate(ctx, data)
	if err != nil {
		i.alive.Add(-1)
		return app, nil, err
	}
	return app, func() { leave(); i.alive.Add(-1) }, nil
}

func (i *isolator) populate(ctx context.Context, data []byte) (app engines.App, end func(), err error) {
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
