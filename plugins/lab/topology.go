package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// A Lab is a laboratory as scripts hold it.
type Lab struct {
	process *lab.Process
	scope   *lua.Scope // of what was opened on its hosts
	held    *lua.Held
	turn    chan struct{} // who has it may change what the process has
	seed    int64

	mu     sync.Mutex
	plan   *plan.Plan
	hosts  []*Host
	links  []*Link
	built  built
	closed bool
	why    string // it closed by itself; "" when it was told to
}

// options are those of lab.new.
type options struct {
	Seed int64 `lua:"seed" default:"0" help:"what links draw chance from: the same number, the same chance"`
}

func newLab(_ context.Context, env *lua.Env, o options) (*Lab, error) {
	p, err := lab.Start(plugins.RolePrefix+role, spawn)
	if err != nil {
		return nil, refused(err)
	}
	l := &Lab{process: p, plan: plan.New(), turn: make(chan struct{}, 1), seed: o.Seed}
	l.scope = lua.NewScope(context.Background(), nil)
	l.held = env.Own("laboratory", l.close)
	spawn("laboratory", func() { // it may be killed from outside
		<-p.Done()
		l.end(processEnded)
	})
	return l, nil
}

// processEnded is why a laboratory is closed that nobody has closed.
const processEnded = "its process has ended"

// refused says why there can be no laboratory.
func refused(err error) error {
	f := &lua.Fault{Op: "lab.new", Message: "there can be no laboratory here: " + fence.Why(err), Err: err}
	if f.Code, _ = lua.CodeOf(err); f.Code == "ERROR" {
		f.Code = "EPERM"
	}
	if errors.Is(err, fence.ErrDied) {
		f.Code, f.Message = "ECHILD", err.Error()
	}
	return f
}

// line is two hosts with routers between them.
func line(ctx context.Context, env *lua.Env, names ...string) (lua.Results, error) {
	if len(names) < 2 {
		return nil, lua.Misusef("...", "the names of two hosts at least expected, and of the routers between them")
	}
	l, err := newLab(ctx, env, options{})
	if err != nil {
		return nil, err
	}
	out := lua.Results{l}
	var before *Host
	for i, name := range names {
		kind := plan.Router
		if i == 0 || i == len(names)-1 {
			kind = plan.Host
		}
		h, err := l.add(kind, name, plan.NodeOptions{})
		if err == nil && before != nil {
			_, err = l.link(before, h, linkOptions{})
		}
		if err != nil {
			l.close()
			return nil, err
		}
		out, before = append(out, h), h
	}
	return out, nil
}

// hostOptions are those of lab:host and lab:router.
type hostOptions struct {
	Addr     string `lua:"addr" help:"its address on its first link, \"10.0.1.1/24\"; several are separated by commas; the laboratory's choice when absent"`
	Gateway  string `lua:"gateway" help:"where it sends what is not on its links; the router in reach when absent"`
	Resolver string `lua:"resolver" help:"the name server that it asks, an address or a host's name"`
}

func (l *Lab) host(name string, o hostOptions) (*Host, error) {
	return l.add(plan.Host, name, o.plan())
}

func (l *Lab) router(name string, o hostOptions) (*Host, error) {
	return l.add(plan.Router, name, o.plan())
}

func (l *Lab) switchNode(name string) (*Host, error) {
	return l.add(plan.Switch, name, plan.NodeOptions{})
}

func (o hostOptions) plan() plan.NodeOptions {
	return plan.NodeOptions{Addrs: list(o.Addr), Gateway: o.Gateway, Resolver: o.Resolver}
}

// list reads addresses with commas or blanks between them.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func (l *Lab) add(kind plan.Kind, name string, o plan.NodeOptions) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	n, err := l.plan.AddNode(kind, name, o)
	if err != nil {
		return nil, misuse(err)
	}
	h := &Host{lab: l, node: n}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// linkOptions are those of lab:link.
type linkOptions struct {
	shapeOptions
	MTU   int      `lua:"mtu" default:"0" help:"the most bytes of an IP packet, 68 to 65535; 1500 when absent. Below 1280 there is no IPv6"`
	Addrs []string `lua:"addrs" help:"the ends' addresses, {\"10.0.1.1/24\", \"10.0.1.2/24\"}; \"\" and what is absent is the laboratory's choice"`
	MACs  []string `lua:"macs" help:"the ends' Ethernet addresses; the laboratory's choice when absent"`
}

func (l *Lab) link(a, b *Host, o linkOptions) (*Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	for _, end := range []struct {
		name string
		h    *Host
	}{{"a", a}, {"b", b}} {
		if end.h.lab != l {
			return nil, lua.Misusef(end.name, "%s is not of this laboratory", end.h.Name())
		}
	}
	po := plan.LinkOptions{MTU: o.MTU}
	if len(o.Addrs) > 2 {
		return nil, lua.Misusef("addrs", "a link has two ends, and here are addresses for %d", len(o.Addrs))
	}
	if len(o.MACs) > 2 {
		return nil, lua.Misusef("macs", "a link has two ends, and here are addresses for %d", len(o.MACs))
	}
	for i, s := range o.Addrs {
		po.Addrs[i] = list(s)
	}
	copy(po.MACs[:], o.MACs)
	shape, err := o.over(straight)
	if err != nil {
		return nil, err
	}
	planned, err := l.plan.AddLink(a.node, b.node, po)
	if err != nil {
		return nil, misuse(err)
	}
	out := &Link{lab: l, a: a, b: b, planned: planned, shapes: [2]lab.Shape{shape, shape}}
	l.links = append(l.links, out)
	return out, nil
}

// misuse is a plan's problem as the script's mistake.
func misuse(err error) error {
	var p *plan.Problem
	if errors.As(err, &p) {
		return lua.Misusef(p.Arg, "%s", p.Text)
	}
	return lua.Misusef("", "%v", err)
}

// usable says that the laboratory is closed. The lock is held.
func (l *Lab) usable() error {
	if !l.closed {
		return nil
	}
	return lua.Misusef("", "%s", l.closedText())
}

func (l *Lab) closedText() string {
	if l.why != "" {
		return "the laboratory is closed: " + l.why
	}
	return "the laboratory is closed"
}

// Usable is asked where it, or one of its hosts, is an argument.
func (l *Lab) Usable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		return nil
	}
	return errors.New(l.closedText())
}

// close ends it, with all that was opened on its hosts.
func (l *Lab) close() { l.end("") }

func (l *Lab) end(why string) {
	l.mu.Lock()
	if !l.closed {
		l.closed, l.why = true, why
	}
	l.mu.Unlock()
	l.held.Release()
	l.scope.Close()
	l.process.Close()
}

func (l *Lab) hostsByName() map[string]*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]*Host{}
	for _, h := range l.hosts {
		out[h.node.Name] = h
	}
	return out
}

func (l *Lab) allLinks() []*Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Link(nil), l.links...)
}

func (l *Lab) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("Lab (%d hosts, %d links)", len(l.hosts), len(l.links))
	if l.closed {
		text += " (closed)"
	}
	return text
}

// fault is an error of the laboratory's process as scripts see it.
func fault(op, host string, err error) error {
	if err == nil {
		return nil
	}
	var r *lab.Refusal
	f := &lua.Fault{Op: op, Addr: host, Err: err}
	switch {
	case errors.Is(err, lab.ErrGone):
		f.Code, f.Message = "ESHUTDOWN", err.Error()
	case errors.As(err, &r) && r.Errno != 0:
		f.Code, _ = lua.CodeOf(r.Errno)
		f.Message = r.Error()
	default:
		return lua.NewFault(op, host, err)
	}
	return f
}
