package dns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// reverse asks for the name of an address.
func reverse(ctx context.Context, env *lua.Env, ip string, o resolveOptions) (*Answer, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Zone() != "" {
		return nil, lua.Misusef("ip", "an IP address expected, got %q", shorten(ip))
	}
	if o.Type != "A" && !strings.EqualFold(o.Type, "PTR") {
		return nil, lua.Misusef("type", "the names of an address are PTR records, not %s", shorten(o.Type))
	}
	name, err := mdns.ReverseAddr(addr.Unmap().String())
	if err != nil {
		return nil, lua.Misusef("ip", "%v", err)
	}
	o.Type = "PTR"
	return resolve(ctx, env, name, o)
}

type systemOptions struct {
	Family  int           `lua:"family" default:"0" min:"0" max:"6" help:"4 or 6: only addresses of that family; 0 is both"`
	Timeout time.Duration `lua:"timeout" default:"10s" min:"0.001" max:"3600" help:"seconds for all of it"`
	plugins.Where
}

// system asks as programs do.
func system(ctx context.Context, env *lua.Env, name string, o systemOptions) ([]string, error) {
	if o.Family != 0 && o.Family != 4 && o.Family != 6 {
		return nil, lua.Misusef("family", "4 or 6 expected, got %d", o.Family)
	}
	addr, err := engines.ParseAddr(net.JoinHostPort(name, "0"))
	if name == "" || err != nil {
		return nil, lua.Misusef("name", "name of a host expected, got %q", shorten(name))
	}
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "lookup", name)
	during, cancel := context.WithTimeout(during, o.Timeout)
	defer cancel()
	found, err := engines.Resolve(during, place, addr)
	if err = end(err); err != nil {
		return nil, plugins.Fault("lookup", name, err)
	}
	out := []string{}
	for _, a := range found {
		is4 := a.Addr().Unmap().Is4()
		if text := a.Addr().String(); (o.Family == 0 || is4 == (o.Family == 4)) && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return nil, &lua.Fault{Op: "lookup", Addr: name, Code: "NXDOMAIN", Message: fmt.Sprintf("it has no IPv%d address", o.Family)}
	}
	return out, nil
}

type compareOptions struct {
	List    []string      `lua:",list" help:"the servers, if they are not given as servers = {…}"`
	Servers []string      `lua:"servers" help:"whom to ask, each \"ip\" or \"ip:port\""`
	Type    string        `lua:"type" default:"A" help:"record type: A, AAAA, TXT, …, in any case"`
	Timeout time.Duration `lua:"timeout" default:"5s" min:"0.001" max:"3600" help:"seconds for each exchange"`
	Proto   string        `lua:"proto" default:"udp" enum:"udp,tcp" help:"how to ask"`
	plugins.Where
}

// A Comparison is what several servers say of one name.
type Comparison struct {
	Same    bool              `lua:"same" help:"whether all say the same; TTLs and the order of records do not count"`
	Answers map[string]Answer `lua:"answers" help:"by server; without those that gave an error"`
	Errors  map[string]string `lua:"errors" help:"the codes of the errors, by server: {[\"192.0.2.1\"] = \"ETIMEDOUT\"}"`
}

// Show is a row for each server.
func (c Comparison) Show() any {
	type row struct {
		Server string `lua:"server" help:"who said it"`
		Says   string `lua:"says" help:"the data of its records, or the code of its error"`
	}
	var rows []row
	for _, server := range slices.Sorted(maps.Keys(c.Answers)) {
		rows = append(rows, row{server, strings.Join(c.Answers[server].data(), " ")})
	}
	for _, server := range slices.Sorted(maps.Keys(c.Errors)) {
		rows = append(rows, row{server, c.Errors[server]})
	}
	return lua.Shown{Value: rows, Note: map[bool]string{true: "all say the same", false: "they do not say the same"}[c.Same]}
}

// data are the records of an answer, comparable.
func (a Answer) data() []string {
	out := []string{}
	for _, r := range a.Records {
		out = append(out, r.Type+" "+r.Data)
	}
	slices.Sort(out)
	return out
}

// compare asks all servers at once.
func compare(ctx context.Context, env *lua.Env, name string, o compareOptions) (*Comparison, error) {
	servers := append(slices.Clone(o.Servers), o.List...)
	if len(servers) == 0 {
		return nil, lua.Misusef("servers", "a list of servers expected, got none")
	}
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "compare", name)
	c := &Comparison{Answers: map[string]Answer{}, Errors: map[string]string{}}
	var mu sync.Mutex
	var work sync.WaitGroup
	var misuse error
	said := map[string]bool{}
	for _, server := range servers {
		work.Add(1)
		lua.Go("dns.compare", nil, func() {
			defer work.Done()
			a, err := lookup(during, place, name, resolveOptions{Type: o.Type, Server: server, Timeout: o.Timeout, Tries: 2, Proto: o.Proto,
				MixCase: true, Recurse: true, Class: "IN", EDNS: ednsSize})
			mu.Lock()
			defer mu.Unlock()
			var mis *lua.Misuse
			switch {
			case errors.As(err, &mis):
				if misuse = err; mis.Arg == "server" {
					mis.Arg = "servers"
				}
			case err != nil:
				c.Errors[server], _ = lua.CodeOf(err)
				said[c.Errors[server]] = true
			default:
				c.Answers[server] = *a
				said[strings.Join(a.data(), "\n")] = true
			}
		})
	}
	work.Wait()
	c.Same = len(said) == 1
	if misuse != nil {
		return nil, misuse
	}
	return c, end(ctx.Err())
}
