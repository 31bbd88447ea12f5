package lab

import (
	"context"

	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/lab/plan"
)

// A Link is a link of a laboratory as scripts hold it.
type Link struct {
	lab     *Lab
	a, b    *Host
	planned *plan.Link

	// Under the laboratory's lock.
	wasCut bool
	shapes [2]lab.Shape // of what a sends, and of what b sends
}

// Usable is asked where the link is an argument.
func (k *Link) Usable() error { return k.lab.Usable() }

func (k *Link) name() string { return k.a.Name() + "–" + k.b.Name() }

func (k *Link) String() string {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	text := "Link " + k.name()
	if s := k.shapeText(); s != "" {
		text += " " + s
	}
	if k.wasCut {
		text += " (cut)"
	}
	return text
}

func (k *Link) mtu() int {
	if k.planned.MTU == 0 {
		return 1500
	}
	return k.planned.MTU
}

func (k *Link) isCut() bool {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return k.wasCut
}

func (k *Link) shape() Manners {
	k.lab.mu.Lock()
	defer k.lab.mu.Unlock()
	return Manners{mannerOf(k.shapes[0]), mannerOf(k.shapes[1])}
}

func (k *Link) cut(ctx context.Context) error  { return k.join(ctx, "cut", true) }
func (k *Link) mend(ctx context.Context) error { return k.join(ctx, "mend", false) }

func (k *Link) join(ctx context.Context, op string, cut bool) error {
	if err := k.lab.ensure(ctx); err != nil {
		return err
	}
	_, err := k.lab.process.Do(ctx, lab.Request{Cut: &lab.Cut{Link: k.planned.Index, Mend: !cut}})
	if err == nil {
		k.lab.mu.Lock()
		k.wasCut = cut
		k.lab.mu.Unlock()
	}
	return fault(op, k.name(), err)
}

// set changes what the link does to frames.
func (k *Link) set(ctx context.Context, o setOptions) error {
	if _, err := k.with(o); err != nil {
		return err
	}
	if err := k.lab.ensure(ctx); err != nil {
		return err
	}
	// One after the other, so that what is noted here is what the process has.
	select {
	case k.lab.turn <- struct{}{}:
		defer func() { <-k.lab.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	shapes, err := k.with(o)
	if err != nil {
		return err
	}
	// Not the script's context: the process answers at once, and it is to be known what it has.
	if _, err := k.lab.process.Do(context.WithoutCancel(ctx), k.order(shapes)); err != nil {
		return fault("set", k.name(), err)
	}
	k.lab.mu.Lock()
	k.shapes = shapes
	k.lab.mu.Unlock()
	return nil
}

// with is what the link does to frames, changed by the options.
func (k *Link) with(o setOptions) (shapes [2]lab.Shape, err error) {
	k.lab.mu.Lock()
	shapes = k.shapes
	k.lab.mu.Unlock()
	if o.From != nil && o.From != k.a && o.From != k.b {
		return shapes, lua.Misusef("from", "%s is at neither end of %s", o.From.Name(), k.name())
	}
	for i, end := range []*Host{k.a, k.b} {
		if o.From != nil && o.From != end {
			continue
		}
		if shapes[i], err = o.over(shapes[i]); err != nil {
			return shapes, err
		}
	}
	return shapes, nil
}

// order has the process make the link so.
func (k *Link) order(shapes [2]lab.Shape) lab.Request {
	return lab.Request{SetShape: &lab.SetShape{Link: k.planned.Index, Seed: k.lab.seed, Shapes: shapes}}
}

// stats is what has become of the frames.
func (k *Link) stats(ctx context.Context) (*Traffics, error) {
	if err := k.lab.ensure(ctx); err != nil {
		return nil, err
	}
	reply, err := k.lab.process.Do(ctx, lab.Request{Count: &lab.Count{Link: k.planned.Index}})
	if err != nil || reply.Traffic == nil {
		return nil, fault("stats", k.name(), err)
	}
	a, b := reply.Traffic[0], reply.Traffic[1]
	return &Traffics{trafficOf(a), trafficOf(b)}, nil
}

func trafficOf(t lab.Traffic) Traffic {
	return Traffic{t.Passed, t.Bytes, t.Lost, t.Duplicated, t.Reordered, t.Dropped}
}
