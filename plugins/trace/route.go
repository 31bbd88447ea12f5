package trace

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type routeOptions struct {
	Max     int           `lua:"max" default:"30" min:"1" max:"255" help:"the highest TTL to try"`
	Tries   int           `lua:"tries" default:"3" min:"1" max:"10" help:"datagrams for each TTL until somebody answers"`
	Timeout time.Duration `lua:"timeout" default:"1s" help:"seconds to wait for each answer"`
	Port    int           `lua:"port" default:"33434" min:"1" max:"65000" help:"UDP port of the first datagram; each TTL takes the next one"`
	plugins.Where
}

// A Path is the way to a host.
type Path struct {
	Hops    []Hop  `lua:",list" help:"{ttl, addr, seconds, code}"`
	To      string `lua:"to" help:"the address that was asked about"`
	Reached bool   `lua:"reached" help:"whether the last of them is the host itself"`
}

// A Hop is who answered a datagram of one TTL.
type Hop struct {
	TTL  int            `lua:"ttl" help:"the TTL that was sent"`
	Addr *string        `lua:"addr" help:"who answered; nil where nobody did"`
	Took *time.Duration `lua:"seconds" help:"how long the answer took"`
	Code *string        `lua:"code" help:"why the way ends here, if not with the host"`
}

// Show is the hops, and what they do not say.
func (p Path) Show() any {
	if p.Reached {
		return p.Hops
	}
	return lua.Shown{Value: p.Hops, Note: p.To + " was not reached"}
}

func route(ctx context.Context, env *lua.Env, to string, o routeOptions) (*Path, error) {
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "route", to)
	p, err := findRoute(during, place, to, o)
	if err = end(err); err != nil {
		return nil, plugins.Fault("route", to, err)
	}
	return p, nil
}

func findRoute(ctx context.Context, place engines.Place, to string, o routeOptions) (*Path, error) {
	addr, err := resolve(ctx, place, to)
	if err != nil {
		return nil, err
	}
	p := &Path{To: addr.String()}
	for ttl := 1; ttl <= o.Max; ttl++ {
		hop, last, err := o.hop(ctx, place, addr, ttl)
		if err != nil {
			return nil, err
		}
		p.Hops = append(p.Hops, hop)
		if last {
			p.Reached = hop.Code == nil
			break
		}
	}
	return p, nil
}

// hop asks with one TTL until somebody answers, and says whether the way ends there.
func (o routeOptions) hop(ctx context.Context, place engines.Place, to netip.Addr, ttl int) (hop Hop, last bool, err error) {
	hop.TTL = ttl
	p, err := newProbe(place, 0, netip.AddrPortFrom(to, uint16(o.Port+ttl-1)), ttl)
	if err != nil {
		return hop, false, err
	}
	defer p.close()
	for range o.Tries {
		sent := time.Now()
		if err := p.send(make([]byte, 32)); err != nil {
			return hop, false, err
		}
		h, err := p.hear(ctx, sent.Add(o.Timeout))
		switch {
		case err != nil:
			return hop, false, err
		case h == nil:
			continue
		case h.local:
			return hop, false, h.errno // this host itself has no way there
		}
		from, took := h.from.WithZone("").String(), h.at.Sub(sent).Round(time.Microsecond)
		hop.Addr, hop.Took = &from, &took
		if h.errno != 0 && !h.passed && !(h.port && h.from.WithZone("") == to.WithZone("")) {
			code := codeOf(h.errno)
			hop.Code = &code
		}
		return hop, !h.passed, nil
	}
	return hop, false, nil
}

func codeOf(errno syscall.Errno) string {
	if code := engines.Code(errno); code != "" {
		return code
	}
	return errno.Error()
}
