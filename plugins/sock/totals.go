package sock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// Totals are the numbers of sockets that the kernel keeps anyway, by protocol: it takes the same time whatever they are.
type Totals struct {
	Sockets int            `lua:"sockets" help:"sockets of every kind in use, those of unix(7) and netlink(7) among them"`
	TCP     map[string]int `lua:"tcp" help:"{inuse, orphan, tw, alloc, mem}: inuse over IPv4 and tw, those in TIME_WAIT, are the network's; orphan, closed and not done yet, alloc, all that were made, and mem, pages of memory, the whole machine's"`
	TCP6    map[string]int `lua:"tcp6,omitempty" help:"{inuse}, over IPv6"`
	UDP     map[string]int `lua:"udp" help:"{inuse, mem}"`
	UDP6    map[string]int `lua:"udp6,omitempty" help:"{inuse}"`
	Raw     map[string]int `lua:"raw" help:"{inuse}"`
	Raw6    map[string]int `lua:"raw6,omitempty" help:"{inuse}"`
	Frag    map[string]int `lua:"frag" help:"{inuse, memory}: packets that wait for their other fragments"`
	Frag6   map[string]int `lua:"frag6,omitempty" help:"the same of IPv6"`
}

// totals reads /proc/net/sockstat and sockstat6. The second is not there without IPv6.
func totals(ctx context.Context, env *lua.Env, o where) (*Totals, error) {
	place := o.Place(env)
	if err := engines.Ready(ctx, place); err != nil {
		return nil, err
	}
	t := &Totals{}
	for _, name := range []string{"/proc/net/sockstat", "/proc/net/sockstat6"} {
		text, err := slurp(place, name)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, "6") {
			continue
		}
		if err == nil {
			err = t.read(text)
		}
		if err != nil {
			return nil, lua.NewFault("read totals", name, err)
		}
	}
	return t, nil
}

// read reads lines as "TCP: inuse 3 orphan 0".
func (t *Totals) read(text string) error {
	groups := map[string]*map[string]int{"TCP": &t.TCP, "TCP6": &t.TCP6, "UDP": &t.UDP, "UDP6": &t.UDP6,
		"RAW": &t.Raw, "RAW6": &t.Raw6, "FRAG": &t.Frag, "FRAG6": &t.Frag6}
	for line := range strings.Lines(text) {
		group, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || len(f)%2 != 0 {
			return fmt.Errorf("line %.40q is no group with names and numbers", line)
		}
		numbers := map[string]int{}
		for i := 0; i < len(f); i += 2 {
			n, err := strconv.Atoi(f[i+1])
			if err != nil {
				return fmt.Errorf("%s %s: %w", group, f[i], err)
			}
			numbers[f[i]] = n
		}
		if group == "sockets" {
			t.Sockets = numbers["used"]
		} else if into := groups[group]; into != nil {
			*into = numbers
		}
	}
	return nil
}
