package sock

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/lua"
)

// Counters are the kernel's, by group and name; Group is one group of them. Changes and GroupChanges are the same, of
// what happened between two times. They are four types because they print differently.
type (
	Counters     map[string]Group
	Group        map[string]float64
	Changes      map[string]GroupChanges
	GroupChanges map[string]float64
)

// counters reads all of them.
func counters(ctx context.Context, env *lua.Env, o where) (lua.Sourced, error) {
	place := o.Place(env)
	now, err := readCounters(ctx, place)
	if err != nil {
		return lua.Sourced{}, err
	}
	return lua.Sourced{Value: shaped[Counters, Group](now), Source: place}, nil
}

// delta reads them, calls f, and reads them again. An error in f is the caller's.
func delta(ctx context.Context, env *lua.Env, f lua.Callback, o where) (Changes, []lua.Value, error) {
	place := o.Place(env)
	before, err := readCounters(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	results, err := f.Call(ctx)
	if err != nil {
		return nil, nil, err
	}
	after, err := readCounters(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	return shaped[Changes, GroupChanges](after.since(before)), results, nil
}

// shaped gives a snapshot the shape, and the printed form, that scripts see.
func shaped[T ~map[string]G, G ~map[string]float64](s snapshot) T {
	out := T{}
	for group, names := range s {
		out[group] = G{}
		for name, n := range names {
			out[group][name] = float64(n)
		}
	}
	return out
}

// A line is a counter as people see it.
type line struct {
	Counter string  `lua:"counter"`
	Value   float64 `lua:"value"`
	Meaning string  `lua:"meaning,omitempty"`
}

// A changeLine is a counter that changed.
type changeLine struct {
	Counter string  `lua:"counter"`
	Value   float64 `lua:"change"`
	Meaning string  `lua:"meaning,omitempty"`
}

// Show is what is not 0, with what it means.
func (c Counters) Show() any { return notZero(lines(c)) }

// Show is what is not 0, with what it means.
func (g Group) Show() any { return notZero(groupLines("", g)) }

// Show is what changed, with what it means.
func (c Changes) Show() any { return changed(lines(c)) }

// Show is what changed, with what it means.
func (g GroupChanges) Show() any { return changed(groupLines("", g)) }

func notZero(all []line) any {
	shown, left := split(all)
	return noted(shown, left, "all %d are 0", "… %d more are 0")
}

func changed(all []line) any {
	shown, left := split(all)
	changes := make([]changeLine, len(shown))
	for i, l := range shown {
		changes[i] = changeLine(l)
	}
	return noted(changes, left, "none of the %d changed", "… %d more did not change")
}

func noted[T any](shown []T, left int, none, some string) lua.Shown {
	switch {
	case len(shown) == 0:
		return lua.Shown{Note: fmt.Sprintf(none, left)}
	case left == 0:
		return lua.Shown{Value: shown}
	}
	return lua.Shown{Value: shown, Note: fmt.Sprintf(some, left)}
}

// split takes the lines that are not 0, and counts the others.
func split(all []line) (shown []line, left int) {
	for _, l := range all {
		if l.Value == 0 {
			left++
			continue
		}
		shown = append(shown, l)
	}
	return shown, left
}

// lines are all counters, TCP's first, named as a script writes them.
func lines[G ~map[string]float64](c map[string]G) []line {
	groups := make([]string, 0, len(c))
	for g := range c {
		groups = append(groups, g)
	}
	rank := func(group string) int {
		i := slices.Index([]string{"Tcp", "TcpExt", "MPTcpExt", "Udp", "Icmp", "IcmpMsg", "Ip", "IpExt"}, group)
		if i < 0 {
			return 100
		}
		return i
	}
	slices.SortFunc(groups, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	var out []line
	for _, g := range groups {
		out = append(out, groupLines(g, c[g])...)
	}
	return out
}

func groupLines[G ~map[string]float64](group string, g G) []line {
	out := make([]line, 0, len(g))
	for name, n := range g {
		full := name
		if group != "" {
			full = group + "." + name
		}
		out = append(out, line{full, n, meaningOf(group, name)})
	}
	slices.SortFunc(out, func(a, b line) int { return strings.Compare(a.Counter, b.Counter) })
	return out
}
