package dns

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

type traceOptions struct {
	Type    string        `lua:"type" default:"A" help:"record type: A, AAAA, TXT, …, in any case"`
	Start   string        `lua:"start" help:"the server to begin with, \"ip\" or \"ip:port\"; the root's servers when absent"`
	Timeout time.Duration `lua:"timeout" default:"2s" min:"0.001" max:"3600" help:"seconds for each server"`
	plugins.Where
}

// A Trace is the way from the root to an answer.
type Trace struct {
	Steps  []Step  `lua:",list" help:"{server, name, zone, ttl, glue, seconds}"`
	Answer *Answer `lua:"answer" help:"what the last of them said"`
}

// A Step is one server that was asked.
type Step struct {
	Server string        `lua:"server" help:"its address, ip:port"`
	Name   string        `lua:"name" help:"its name, as the referral to it says; \"\" of the one that was begun with"`
	Zone   string        `lua:"zone" help:"the zone that it was asked as a server of"`
	TTL    *uint32       `lua:"ttl" help:"seconds for which the referral to it may be remembered"`
	Glue   bool          `lua:"glue" help:"whether the referral brought its address along; else that had to be asked for"`
	Took   time.Duration `lua:"seconds" help:"how long its answer took"`
}

// Show is the steps, and what was found.
func (t Trace) Show() any {
	note := ""
	if t.Answer != nil {
		note = "no data"
		if data := t.Answer.data(); len(data) > 0 {
			note = strings.Join(data, ", ")
		}
	}
	return lua.Shown{Value: t.Steps, Note: note}
}

// roots are the root's servers, a.root-servers.net to m.root-servers.net (https://www.iana.org/domains/root/servers).
func roots() []nameserver {
	var out []nameserver
	for i, ip := range []string{"198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241",
		"192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33"} {
		out = append(out, nameserver{name: fmt.Sprintf("%c.root-servers.net.", 'a'+i), addr: ip})
	}
	return out
}

const (
	mostSteps = 40 // servers that one trace asks
	mostDepth = 4  // traces within traces, for name servers whose address no referral brings
)

// A nameserver is one to ask next.
type nameserver struct {
	name string
	addr string // "" where it is not known yet
	ttl  *uint32
	glue bool
}

// A walk is one trace under way.
type walk struct {
	place engines.Place
	o     traceOptions
	asked int // of all traces within it
}

func trace(ctx context.Context, env *lua.Env, name string, o traceOptions) (*Trace, error) {
	if _, err := wireName(name); err != nil {
		return nil, lua.Misusef("name", "%v", err)
	}
	typ, err := typeOf(o.Type)
	if err != nil {
		return nil, err
	}
	place := o.Place(env)
	if o.Start != "" {
		at, err := serverAddr(ctx, place, o.Start)
		if mis, ok := err.(*lua.Misuse); ok {
			mis.Arg = "start"
		}
		if err != nil {
			return nil, err
		}
		o.Start = at.String()
	}
	during, end := plugins.During(ctx, place, "trace", name)
	w := &walk{place: place, o: o}
	t, err := w.from(during, mdns.Fqdn(name), typ, 0)
	return t, end(err)
}

func (w *walk) from(ctx context.Context, name string, typ uint16, depth int) (*Trace, error) {
	t, zone, next := &Trace{}, ".", roots()
	if w.o.Start != "" {
		next = []nameserver{{addr: w.o.Start}}
	}
	for {
		msg, err := w.askOne(ctx, t, name, typ, zone, next, depth)
		if err != nil {
			return nil, err
		}
		last := t.Steps[len(t.Steps)-1]
		if msg.Rcode == mdns.RcodeNameError {
			return nil, &lua.Fault{Op: "trace", Addr: name, Code: "NXDOMAIN", Message: fmt.Sprintf("no such name (NXDOMAIN from %s, asked for %s)", last.Server, zone)}
		}
		child, servers := referral(msg, zone, name)
		if len(msg.Answer) > 0 || child == "" {
			t.Answer = newAnswer(msg)
			t.Answer.Server, t.Answer.Took = last.Server, last.Took
			return t, nil
		}
		zone, next = child, servers
	}
}

// askOne asks the servers of a zone until one answers.
func (w *walk) askOne(ctx context.Context, t *Trace, name string, typ uint16, zone string, servers []nameserver, depth int) (*mdns.Msg, error) {
	var last error
	for _, s := range servers {
		if s.addr == "" {
			if depth >= mostDepth {
				continue
			}
			found, err := w.from(ctx, s.name, mdns.TypeA, depth+1)
			if err != nil {
				last = err
				continue
			}
			for _, r := range found.Answer.Records {
				if r.Type == "A" {
					s.addr = r.Data
				}
			}
			if s.addr == "" {
				continue
			}
		}
		if w.asked++; w.asked > mostSteps {
			return nil, &lua.Fault{Op: "trace", Addr: name, Code: "ELOOP", Message: fmt.Sprintf("%d servers asked, and no answer yet", mostSteps)}
		}
		msg, step, err := w.ask(ctx, s, name, typ)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			last = err
			continue
		}
		step.Name, step.Zone, step.TTL, step.Glue = s.name, zone, s.ttl, s.glue
		t.Steps = append(t.Steps, step)
		return msg, nil
	}
	f := &lua.Fault{Op: "trace", Addr: name, Code: "SERVFAIL", Message: "no server of " + zone + " answers", Err: last}
	if last != nil {
		f.Code, _ = lua.CodeOf(last)
		f.Message += ": " + last.Error()
	}
	return nil, f
}

// ask asks one server for what it knows itself (RD is off).
func (w *walk) ask(ctx context.Context, s nameserver, name string, typ uint16) (*mdns.Msg, Step, error) {
	o := &resolveOptions{Type: fmt.Sprintf("TYPE%d", typ), Server: s.addr, Timeout: w.o.Timeout, Tries: 2, Proto: "udp", MixCase: true, Class: "IN", EDNS: ednsSize}
	x, err := newExchange(ctx, w.place, name, o)
	if err != nil {
		return nil, Step{}, err
	}
	during, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	start := time.Now()
	msg, err := x.run(during)
	if err == nil && msg.Rcode != mdns.RcodeSuccess && msg.Rcode != mdns.RcodeNameError {
		err = &lua.Fault{Code: rcodeName(msg.Rcode), Message: fmt.Sprintf("%s from %s", rcodeName(msg.Rcode), x.server)}
	}
	if err != nil {
		return nil, Step{}, x.fault(err)
	}
	return msg, Step{Server: x.server.String(), Took: time.Since(start)}, nil
}

// referral reads whom an answer of a zone's server sends to. It may only send downwards, closer to the name; and of the
// addresses that it brings along, those count that are the zone's own to give (RFC 2181, section 5.4.1): what a server
// says of other people's names is how caches were poisoned.
func referral(msg *mdns.Msg, zone, name string) (child string, servers []nameserver) {
	for _, rr := range msg.Ns {
		ns, ok := rr.(*mdns.NS)
		owner := strings.ToLower(rr.Header().Name)
		if !ok || owner == strings.ToLower(zone) || !mdns.IsSubDomain(zone, owner) || !mdns.IsSubDomain(owner, strings.ToLower(name)) || child != "" && owner != child {
			continue
		}
		child = owner
		s := nameserver{name: ns.Ns, ttl: &ns.Hdr.Ttl}
		if addr, ok := glueOf(msg, ns.Ns); ok && mdns.IsSubDomain(zone, strings.ToLower(ns.Ns)) {
			s.addr, s.glue = addr.String(), true
		}
		servers = append(servers, s)
	}
	slices.SortStableFunc(servers, func(a, b nameserver) int { // those first that cost no look-up
		return cmp.Compare(b.addr, "") - cmp.Compare(a.addr, "")
	})
	return child, servers
}

// glueOf is a name's address in the additional section, IPv4 before IPv6.
func glueOf(msg *mdns.Msg, name string) (found netip.Addr, ok bool) {
	for _, rr := range msg.Extra {
		if !strings.EqualFold(rr.Header().Name, name) {
			continue
		}
		switch rr := rr.(type) {
		case *mdns.A:
			ip, ok := netip.AddrFromSlice(rr.A.To4())
			return ip, ok
		case *mdns.AAAA:
			found, ok = netip.AddrFromSlice(rr.AAAA.To16())
		}
	}
	return found, ok
}
