package sock

import (
	"context"
	"net/netip"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/sock/trail"
)

// A Path is the states that the two ends of a connection went through, as scripts have it.
type Path struct{ trail.Path }

// Show is the time line.
func (p *Path) Show() any { return lua.Drawing(p.Draw()) }

func (p *Path) String() string { return lua.Drawing(p.Draw()).String() }

func (p *Path) states(side int) []string {
	out := make([]string, len(p.Steps[side]))
	for i, s := range p.Steps[side] {
		out[i] = s.To.String()
	}
	return out
}

// times are those of the states, as fiber.now counts them.
func (p *Path) times(side int) []float64 {
	out := make([]float64, len(p.Steps[side]))
	for i, s := range p.Steps[side] {
		out[i] = lua.Clock(s.Time).Seconds()
	}
	return out
}

// paths are those of every connection that was seen.
func (w *Watch) paths(ctx context.Context) ([]*Path, error) {
	rec, err := w.fresh(ctx)
	if err != nil {
		return nil, err
	}
	all := rec.Paths()
	out := make([]*Path, len(all))
	for i := range all {
		out[i] = &Path{all[i]}
	}
	return out, nil
}

// path is that of one connection: the one that conn is an end of or whose address it is; without conn the only one.
func (w *Watch) path(ctx context.Context, conn lua.Value) (*Path, error) {
	all, err := w.paths(ctx)
	if err != nil {
		return nil, err
	}
	if conn.IsNil() {
		switch len(all) {
		case 0:
			return nil, nil
		case 1:
			return all[0], nil
		}
		return nil, lua.Misusef("conn", "it has seen %d connections: say which, by a Conn or by the client's address", len(all))
	}
	has, err := meant(conn)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- { // of several between the same addresses the latest
		if has(&all[i].Path) {
			return all[i], nil
		}
	}
	return nil, nil
}

// meant says which connection a Conn, or an address, is about.
func meant(conn lua.Value) (func(p *trail.Path) bool, error) {
	if text, ok := conn.Text(); ok {
		a, err := engines.ParseAddr(text)
		if err != nil {
			return nil, lua.Misusef("conn", "%v", err)
		}
		ip, err := netip.ParseAddr(a.Host)
		if err != nil {
			return nil, lua.Misusef("conn", "%q is no IP address", a.Host)
		}
		addr := unzoned(netip.AddrPortFrom(ip, a.Port))
		return func(p *trail.Path) bool { return p.Has(addr) }, nil
	}
	c, ok := conn.Object().(ended)
	if !ok {
		return nil, lua.Misusef("conn", "Conn or an address expected, got %s", conn.TypeName())
	}
	local, peer := unzoned(c.LocalAddr()), unzoned(c.PeerAddr())
	return func(p *trail.Path) bool { return p.Has(local) && p.Has(peer) }, nil
}

// A Picture is drawn lines.
type Picture struct{ lines lua.Drawing }

// Show is the lines, with their colours.
func (p *Picture) Show() any { return p.lines }

func (p *Picture) String() string { return p.lines.String() }

// diagram draws the state diagram of a path, or of what a watch has seen: of one connection, or of all of them.
func diagram(ctx context.Context, of lua.Value, conn lua.Value) (*Picture, error) {
	switch x := of.Object().(type) {
	case *Path:
		return &Picture{trail.Diagram(&x.Path)}, nil
	case *Watch:
		paths, err := x.drawn(ctx, conn)
		if err != nil {
			return nil, err
		}
		return &Picture{trail.Diagram(paths...)}, nil
	}
	got := of.TypeName()
	if of.IsNil() {
		got = "nothing"
	}
	return nil, lua.Misusef("watch", "Watch or StatePath expected, got %s", got)
}

// drawn are the connections of a watch that a diagram shows.
func (w *Watch) drawn(ctx context.Context, conn lua.Value) (paths []*trail.Path, err error) {
	all, err := w.paths(ctx)
	if err != nil {
		return nil, err
	}
	if !conn.IsNil() {
		one, err := w.path(ctx, conn)
		if one == nil || err != nil {
			return nil, err
		}
		all = []*Path{one}
	}
	for _, p := range all {
		paths = append(paths, &p.Path)
	}
	return paths, nil
}
