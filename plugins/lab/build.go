package lab

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// What a plan allows is what the process does: this does not compile otherwise.
var _ = [1]struct{}{}[plan.MostNodes-lab.MostHosts+plan.MostLinks-lab.MostLinks]

// built is how far the laboratory's process is with the plan.
type built struct {
	nodes, links int
	routes       [][]plan.Route // as they were set, by node
}

// ensure has the process make what the plan has and it has not. When it fails, the laboratory is gone, rather than half
// there. A caller who is cancelled does not stop it: it goes on to its end, which is never far.
func (l *Lab) ensure(ctx context.Context) error {
	l.mu.Lock()
	err := l.usable()
	there := l.built.nodes == len(l.plan.Nodes) && l.built.links == len(l.plan.Links)
	l.mu.Unlock()
	if err != nil || there {
		return err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	spawn("laboratory is built", func() {
		defer func() { <-l.turn }()
		done <- l.build()
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// step is one order to the process, with what it is for.
type step struct {
	request lab.Request
	name    string
}

// build gives the orders.
func (l *Lab) build() error {
	l.mu.Lock()
	err := l.usable()
	var steps []step
	var after built
	if err == nil {
		steps, after, err = l.steps()
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	for _, s := range steps {
		if _, err := l.process.Do(context.Background(), s.request); err != nil {
			gone := errors.Is(err, lab.ErrGone)
			err = fault("build", s.name, err)
			if gone {
				l.end(processEnded)
			} else {
				l.end(err.Error())
			}
			return err
		}
	}
	l.mu.Lock()
	l.built = after
	l.mu.Unlock()
	return nil
}

// steps are the orders that lead from what is built to the plan. The lock is held.
func (l *Lab) steps() (steps []step, after built, err error) {
	p := l.plan
	p.Assign()
	if err := p.Check(); err != nil {
		return nil, after, misuse(err)
	}
	after = built{len(p.Nodes), len(p.Links), make([][]plan.Route, len(p.Nodes))}
	for _, n := range p.Nodes[l.built.nodes:] {
		steps = append(steps, step{lab.Request{NewHost: &lab.NewHost{Kind: kindOf(n.Kind)}}, n.Name})
	}
	for _, link := range p.Links[l.built.links:] {
		steps = append(steps, step{lab.Request{NewLink: &lab.NewLink{A: endOf(link.A), B: endOf(link.B), MTU: link.MTU}}, link.A.Node.Name + "–" + link.B.Node.Name})
		if k := l.links[link.Index]; !k.shapes[0].Plain() || !k.shapes[1].Plain() {
			steps = append(steps, step{k.order(k.shapes), k.name()})
		}
	}
	for _, n := range p.Nodes {
		after.routes[n.Index] = p.Routes(n)
		var before []plan.Route
		if n.Index < len(l.built.routes) {
			before = l.built.routes[n.Index]
		}
		set := &lab.SetRoutes{Del: less(before, after.routes[n.Index]), Add: less(after.routes[n.Index], before)}
		if len(set.Del)+len(set.Add) > 0 {
			steps = append(steps, step{lab.Request{Host: n.Index, SetRoutes: set}, n.Name})
		}
	}
	var names [][2]string
	for _, n := range p.Nodes {
		for _, ip := range n.Addrs() {
			names = append(names, [2]string{n.Name, ip.String()})
		}
	}
	steps = append(steps, step{lab.Request{Names: &lab.Names{Hosts: lab.Hosts(names)}}, "names"})
	return steps, after, nil
}

// less is the routes of a that b does not have.
func less(a, b []plan.Route) (out []lab.Route) {
	for _, r := range a {
		if !slices.Contains(b, r) {
			out = append(out, lab.Route{Dst: r.Dst, Via: r.Via})
		}
	}
	return out
}

func kindOf(k plan.Kind) int {
	return [...]int{plan.Host: lab.Host, plan.Router: lab.Router, plan.Switch: lab.Switch}[k]
}

func endOf(i *plan.Interface) lab.End {
	return lab.End{Host: i.Node.Index, Name: i.Name, MAC: i.MAC, Prefixes: i.Prefixes}
}

// addrs are a host's addresses, which are settled by being asked for.
func (l *Lab) addrs(n *plan.Node) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan.Assign()
	return n.Addrs()
}

// node finds a host by its name.
func (l *Lab) node(name string) *plan.Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plan.Node(strings.TrimSuffix(name, "."))
}

// run calls f with a host as the default place.
func (l *Lab) run(_ context.Context, env *lua.Env, h *Host, f lua.Callback, args ...lua.Value) ([]lua.Value, error) {
	if h.lab != l {
		return nil, lua.Misusef("host", "%s is not of this laboratory", h.Name())
	}
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a
	}
	return f.Call(env.WithPlace(h), in...)
}
