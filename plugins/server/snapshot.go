package server

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// A gathered is the functions that a script gave as handlers, to be copied into other worlds.
type gathered struct {
	world *lua.World
	roots []lua.Root
	first []byte // packed when they were gathered
	warn  *reporter
}

// gather fails at once where handlers reach what cannot be copied: nobody wants to learn that from the first client.
func (o *options) gather(env *lua.Env, who string) (*gathered, error) {
	g := &gathered{world: env.World(), warn: newReporter(env.World().Warn)}
	add := func(name string, cb lua.Callback) {
		if !cb.IsNil() {
			g.roots = append(g.roots, lua.Root{Name: name, Fn: cb})
		}
	}
	if !o.Handler.IsNil() {
		cb, err := o.Handler.Callback(env)
		if err != nil {
			return nil, err
		}
		add("handler", cb)
	}
	add("on_open", o.OnOpen)
	add("on_data", o.OnData)
	add("on_readable", o.OnReadable)
	add("on_writable", o.OnWritable)
	add("on_close", o.OnClose)
	var err error
	if g.first, err = g.copy(); err != nil {
		return nil, lua.Misusef(g.roots[0].Name, "%s, with copies of what they reach: %s", who, err)
	}
	return g, nil
}

// pack is the functions as they are now. That they cannot be copied any more is said once.
func (g *gathered) pack() ([]byte, error) {
	data, err := g.copy()
	if err != nil {
		g.warn.text("handler: " + err.Error())
	}
	return data, err
}

func (g *gathered) copy() ([]byte, error) {
	snapshot, err := g.world.Freeze(g.roots...)
	if err != nil {
		return nil, err
	}
	var p packed
	for _, r := range g.roots {
		p.Roots = append(p.Roots, r.Name)
	}
	if style := g.world.Config().Style; style != nil {
		p.Style = style()
	}
	return pack(p, snapshot)
}

// A packed is what a child gets with its connection: a native handler's name, or what a snapshot's functions are.
type packed struct {
	Handler string
	Roots   []string // names of options
	Style   show.Options
}

// pack puts a header of one line before a snapshot.
func pack(p packed, snapshot []byte) ([]byte, error) {
	head, err := json.Marshal(p)
	return append(append(head, '\n'), snapshot...), err
}

func unpack(data []byte) (p packed, snapshot []byte, err error) {
	head, rest, ok := strings.Cut(string(data), "\n")
	if !ok {
		return p, nil, fmt.Errorf("what came from the parent is not complete")
	}
	return p, []byte(rest), json.Unmarshal([]byte(head), &p)
}

// app makes the App of the functions that a snapshot held. What they open belongs to the scope.
func (p packed) app(fns []lua.Callback, scope *lua.Scope, warn *reporter) (engines.App, error) {
	if len(fns) != len(p.Roots) {
		return engines.App{}, fmt.Errorf("%d functions came for %d handlers", len(fns), len(p.Roots))
	}
	var o options
	for i, name := range p.Roots {
		switch name {
		case "handler":
			return linearApp(fns[i], scope, warn), nil
		case "on_open":
			o.OnOpen = fns[i]
		case "on_data":
			o.OnData = fns[i]
		case "on_readable":
			o.OnReadable = fns[i]
		case "on_writable":
			o.OnWritable = fns[i]
		case "on_close":
			o.OnClose = fns[i]
		}
	}
	return o.events(scope, warn), nil
}
