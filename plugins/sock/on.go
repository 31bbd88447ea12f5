package sock

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// where is the option that says which network is meant: one.
type where struct {
	On onePlace `lua:"on" help:"where: a laboratory's host, or {pid = n} for the network of a process; where the script runs when absent"`
}

// Place is the network.
func (w where) Place(env *lua.Env) engines.Place {
	if w.On.place != nil {
		return w.On.place
	}
	return plugins.PlaceOf(env)
}

// everywhere is where with several networks.
type everywhere struct {
	On places `lua:"on" help:"where: a laboratory's host, {pid = n} for the network of a process, or a list of them; where the script runs when absent"`
}

// Places are the networks.
func (w everywhere) Places(env *lua.Env) []engines.Place {
	if w.On.list != nil {
		return w.On.list
	}
	return []engines.Place{plugins.PlaceOf(env)}
}

type onePlace struct{ place engines.Place }

// LuaName is what it is in messages.
func (*onePlace) LuaName() string { return "Host" }

// ReadLua takes a laboratory's host, or {pid = n}.
func (o *onePlace) ReadLua(_ *lua.Env, v lua.Value) (err error) {
	o.place, err = placeOf(v)
	return err
}

type places struct{ list []engines.Place }

// LuaName is what it is in messages.
func (*places) LuaName() string { return "Host or list of Host" }

// ReadLua takes one place, or a list of them.
func (p *places) ReadLua(_ *lua.Env, v lua.Value) error {
	items := v.Items()
	if len(items) == 0 {
		one, err := placeOf(v)
		p.list = []engines.Place{one}
		return err
	}
	p.list = nil
	for i, item := range items {
		one, err := placeOf(item)
		if err != nil {
			return fmt.Errorf("[%d]: %w", i+1, err)
		}
		for _, other := range p.list {
			if other == one {
				return fmt.Errorf("[%d]: %s is there twice", i+1, placeName(one))
			}
		}
		p.list = append(p.list, one)
	}
	return nil
}

func placeOf(v lua.Value) (engines.Place, error) {
	if place, ok := v.Object().(engines.Place); ok {
		if u, ok := v.Object().(lua.Usable); ok {
			return place, u.Usable()
		}
		return place, nil
	}
	if pid := v.Field("pid"); !pid.IsNil() {
		n, ok := pid.Number()
		if !ok || n < 1 || n != float64(int32(n)) {
			return nil, errors.New("pid: the number of a process expected, got " + pid.String())
		}
		return process(int(n)), nil
	}
	got := v.TypeName()
	switch text, isText := v.Text(); {
	case isText:
		got = strconv.Quote(clip(text))
	case v.Kind() == "number":
		got = v.String()
	}
	return nil, fmt.Errorf("a Host or {pid = n} expected, got %s", got)
}

// placeName is how people call a place.
func placeName(p engines.Place) string {
	if n, ok := p.(interface{ Name() string }); ok {
		return n.Name()
	}
	return "here"
}
