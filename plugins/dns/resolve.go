package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type resolveOptions struct {
	Type    string        `lua:"type" default:"A" help:"record type: A, AAAA, CNAME, TXT, MX, …, in any case"`
	Server  string        `lua:"server" help:"whom to ask, \"ip\" or \"ip:port\"; the system's first resolver when absent"`
	Timeout time.Duration `lua:"timeout" default:"5s" min:"0.001" max:"3600" help:"seconds for the whole exchange"`
	Tries   int           `lua:"tries" default:"2" min:"1" max:"100" help:"how often to send the query over UDP, spread over the timeout"`
	Proto   string        `lua:"proto" default:"udp" enum:"udp,tcp" help:"how to ask; a truncated answer over UDP is asked for again over TCP"`
	ID      *uint16       `lua:"id" help:"the query's ID; unpredictable when absent"`
	MixCase bool          `lua:"mix_case" default:"true" help:"mix the case of the name's letters, so that a forger has to guess it (0x20)"`
	Recurse bool          `lua:"recurse" default:"true" help:"ask the server to find the answer elsewhere (RD)"`
	Class   string        `lua:"class" default:"IN" help:"IN, CH, HS or ANY"`
	EDNS    int           `lua:"edns" default:"1232" min:"0" max:"65535" help:"bytes that an answer over UDP may have; 0 leaves EDNS out, and the limit is 512"`
	From    string        `lua:"from" help:"address to ask from, \"ip\" or \"ip:port\""`
	plugins.Where
}

// resolve asks one server one question.
func resolve(ctx context.Context, env *lua.Env, name string, o resolveOptions) (*Answer, error) {
	place := o.Place(env)
	ctx, end := plugins.During(ctx, place, "resolve", name)
	a, err := lookup(ctx, place, name, o)
	return a, end(err)
}

func lookup(ctx context.Context, place engines.Place, name string, o resolveOptions) (*Answer, error) {
	x, err := newExchange(ctx, place, name, &o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	start := time.Now()
	msg, err := x.run(ctx)
	if err != nil {
		return nil, x.fault(err)
	}
	if msg.Rcode != mdns.RcodeSuccess {
		return nil, &lua.Fault{
			Code: rcodeName(msg.Rcode), Op: "resolve", Addr: name,
			Message: fmt.Sprintf("%s (%s from %s)", rcodeMeaning(msg.Rcode), rcodeName(msg.Rcode), x.server),
		}
	}
	a := newAnswer(msg)
	a.Server, a.Took, a.Rejected = x.server.String(), time.Since(start), x.rejected
	return a, nil
}

// newExchange checks everything before anything is sent.
func newExchange(ctx context.Context, place engines.Place, name string, o *resolveOptions) (*exchange, error) {
	wire, err := wireName(name)
	if err != nil {
		return nil, lua.Misusef("name", "%v", err)
	}
	typ, err := typeOf(o.Type)
	if err != nil {
		return nil, err
	}
	class, err := classOf(o.Class)
	if err != nil {
		return nil, err
	}
	x := &exchange{
		place: place, name: name, o: o, rejected: map[string]int{},
		ask: func() *question { return newQuestion(wire, o, typ, class) },
	}
	if x.server, err = serverAddr(ctx, x.place, o.Server); err != nil {
		return nil, err
	}
	if o.From != "" {
		if x.from, err = fromAddr(o.From); err != nil {
			return nil, err
		}
		if x.from.Addr().Is4() != x.server.Addr().Is4() {
			return nil, lua.Misusef("from", "%s is not of the server's family, %s", o.From, x.server)
		}
	}
	for _, addr := range []netip.AddrPort{x.server, x.from} {
		if !addr.IsValid() {
			continue
		}
		if err := x.place.Allow(addr.Addr()); err != nil {
			return nil, lua.NewFault("resolve", addr.String(), err)
		}
	}
	return x, nil
}

// fault says what went wrong and, when nothing came in time, what did come.
func (x *exchange) fault(err error) error {
	var f *lua.Fault
	if !errors.As(lua.NewFault("resolve", x.name, err), &f) {
		return err
	}
	if f.Code == "ETIMEDOUT" {
		f.Message = fmt.Sprintf("no answer from %s within %v", x.server, x.o.Timeout)
		if len(x.rejected) > 0 {
			var parts []string
			for _, reason := range slices.Sorted(maps.Keys(x.rejected)) {
				parts = append(parts, fmt.Sprintf("%s %d", reason, x.rejected[reason]))
			}
			f.Message += "; rejected: " + strings.Join(parts, ", ")
		}
	} else {
		f.Message = fmt.Sprintf("%s: %s", x.server, f.Message)
	}
	return f
}

// serverAddr reads whom to ask; "" is the system's resolver.
func serverAddr(ctx context.Context, place engines.Place, s string) (netip.AddrPort, error) {
	if s == "" {
		h, ok := place.(engines.Host)
		if !ok {
			return systemServer()
		}
		s = cmp.Or(h.Resolver(), "127.0.0.1") // resolv.conf(5): where none is named, it is the server on this machine
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 53), nil
	}
	if !strings.ContainsAny(s, ":[") {
		s += ":53"
	}
	a, err := engines.ParseAddr(s)
	if err != nil {
		return netip.AddrPort{}, lua.Misusef("server", "%v", err)
	}
	a.Port = cmp.Or(a.Port, 53)
	found, err := engines.Resolve(ctx, place, a)
	if err != nil {
		return netip.AddrPort{}, lua.NewFault("resolve", s, err)
	}
	return found[0], nil
}

// fromAddr reads a local address; its port is the kernel's choice, a random one, unless it is given.
func fromAddr(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), 0), nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, lua.Misusef("from", "%q is no address: \"ip\" or \"ip:port\" is expected", shorten(s))
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}
