package sock

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type followOptions struct {
	Every   time.Duration `lua:"every" default:"1s" help:"seconds between two looks"`
	HowLong time.Duration `lua:"seconds" help:"how long; until Ctrl-C when absent"`
	Only    []string      `lua:"only" help:"only these counters, as \"Tcp.InSegs\", and these groups, as \"Icmp\"; all when absent"`
}

// A follower prints what changes in the counters of a network.
type follower struct {
	place engines.Place
	last  snapshot
	only  []string
	say   func(string)
	from  time.Time
}

// follow is counters:watch. It reads the counters of the network that the record is of anew, and prints what changes from
// then on.
func follow(of lua.Value, ctx context.Context, env *lua.Env, o followOptions) error {
	if o.Every < 10*time.Millisecond {
		return lua.Misusef("every", "must be at least 0.01, got %v", o.Every.Seconds())
	}
	place, ok := env.World().Source(of).(engines.Place)
	if !ok {
		place = plugins.PlaceOf(env)
	}
	f := &follower{place: place, only: o.Only, say: env.World().Println, from: time.Now()}
	var err error
	if f.last, err = readCounters(ctx, place); err != nil {
		return err
	}
	for _, name := range o.Only {
		if err := f.last.check(name); err != nil {
			return err
		}
	}
	limit := ctx
	if o.HowLong > 0 {
		var cancel context.CancelFunc
		limit, cancel = context.WithTimeout(ctx, o.HowLong)
		defer cancel()
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		select {
		case <-limit.Done():
			return ctx.Err()
		case <-tick.C:
			if err := f.look(ctx); err != nil {
				return err
			}
		}
	}
}

// look prints what has changed since the last time.
func (f *follower) look(ctx context.Context) error {
	now, err := readCounters(ctx, f.place)
	if err != nil {
		return err
	}
	for _, l := range lines(shaped[Changes, GroupChanges](now.since(f.last))) {
		group, name, _ := strings.Cut(l.Counter, ".")
		if l.Value != 0 && f.wants(group, name) {
			text := fmt.Sprintf("%7.1f s  %-28s %+8.0f  → %d", time.Since(f.from).Seconds(), l.Counter, l.Value, now[group][name])
			if l.Meaning != "" {
				text += "  " + l.Meaning
			}
			f.say(text)
		}
	}
	f.last = now
	return nil
}

func (f *follower) wants(group, name string) bool {
	for _, only := range f.only {
		if only == group || only == group+"."+name {
			return true
		}
	}
	return f.only == nil
}

// check says what is wrong with the name of a counter, or of a group.
func (s snapshot) check(name string) error {
	group, counter, one := strings.Cut(name, ".")
	var names []string
	if s[group] == nil {
		for g := range s {
			names = append(names, g)
		}
		return lua.Misusef("only", "there is no group %q%s", clip(group), near(group, names))
	}
	if _, ok := s[group][counter]; one && !ok {
		for n := range s[group] {
			names = append(names, n)
		}
		return lua.Misusef("only", "%s has no counter %q%s", group, clip(counter), near(counter, names))
	}
	return nil
}

func near(name string, names []string) string {
	if n := lua.Nearest(name, names); n != "" {
		return ", did you mean '" + n + "'?"
	}
	return ""
}
