package lab

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of a Shape, which plugins/lab's options have, too.
const (
	mostDelay = time.Minute
	leastRate = 100     // bits per second: a frame of ARP takes 3.4 s
	mostQueue = 100_000 // frames
)

// check refuses what no owner in order asks for.
func (s Shape) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case s.Delay < 0 || s.Delay > mostDelay, s.Jitter < 0 || s.Jitter > s.Delay,
		!share(s.Loss), !share(s.Duplicate), !share(s.Reorder),
		s.Rate != 0 && !(s.Rate >= leastRate), s.Queue < 0 || s.Queue > mostQueue, s.Rate != 0 && s.Queue == 0:
		return &Refusal{Errno: unix.EINVAL, Text: fmt.Sprintf("a link cannot be like this: %+v", s)}
	}
	return nil
}

// Plain says that it does nothing to frames.
func (s Shape) Plain() bool {
	s.Queue = 0
	return s == Shape{}
}

func (g *ground) link(n int) (*link, error) {
	if n < 0 || n >= len(g.links) {
		return nil, fmt.Errorf("there is no link %d", n)
	}
	return g.links[n], nil
}

// cut cuts a link or mends it.
func (g *ground) cut(c *Cut) error {
	l, err := g.link(c.Link)
	if err != nil {
		return err
	}
	before := l.cut
	l.cut = !c.Mend
	if err := g.settle(l); err != nil {
		l.cut = before
		return err
	}
	return nil
}

// shape says what a link is like.
func (g *ground) shape(s *SetShape) error {
	l, err := g.link(s.Link)
	if err != nil {
		return err
	}
	for _, shape := range s.Shapes {
		if err := shape.check(); err != nil {
			return err
		}
	}
	if l.lanes == nil {
		l.lanes = &[2]lane{{chance: newChance(s.Seed, s.Link, 0), all: &g.held}, {chance: newChance(s.Seed, s.Link, 1), all: &g.held}}
	}
	before := l.shapes
	l.shapes = s.Shapes
	if err := g.settle(l); err != nil {
		l.shapes = before
		return err
	}
	return nil
}

// count is what has become of a link's frames.
func (g *ground) count(c *Count) (*[2]Traffic, error) {
	l, err := g.link(c.Link)
	if err != nil {
		return nil, err
	}
	var out [2]Traffic
	switch {
	case l.wire != nil:
		out = l.wire.count()
	case l.lanes != nil:
		out = [2]Traffic{l.lanes[0].counts, l.lanes[1].counts}
	}
	return &out, nil
}

// settle has the middle of a link be what it is to be: a bridge, a wire, or nothing.
func (g *ground) settle(l *link) error {
	wired := !l.shapes[0].Plain() || !l.shapes[1].Plain()
	switch {
	case l.cut:
		if l.wire != nil {
			l.wire.stop(true)
			l.wire = nil
		}
		return g.bridged(l, 0, false) // with one port a bridge passes nothing
	case wired && l.wire != nil:
		l.wire.set(l.shapes)
		return nil
	case wired:
		return g.wireUp(l)
	}
	// With one port the bridge passes nothing yet, so that nothing is passed twice, and little is lost between the two.
	if err := g.bridged(l, 0, true); err != nil {
		return err
	}
	if l.wire != nil {
		l.wire.stop(false)
		l.wire = nil
	}
	if err := g.bridged(l, 1, true); err != nil {
		return err
	}
	return g.offloads(l, true)
}

// wireUp puts a wire in the bridge's place.
func (g *ground) wireUp(l *link) error {
	if err := g.offloads(l, false); err != nil {
		return err
	}
	if err := g.bridged(l, 0, false); err != nil {
		return err
	}
	if err := g.wire.enter(); err != nil {
		return err
	}
	// From now on the kernel keeps what comes, and the bridge passes nothing.
	w, err := newWire(l.lanes, [2]int{l.ports[0].Attrs().Index, l.ports[1].Attrs().Index})
	if err != nil {
		return errors.Join(err, g.bridged(l, 0, true))
	}
	if err := g.bridged(l, 1, false); err != nil {
		w.close()
		return errors.Join(err, g.bridged(l, 0, true))
	}
	w.set(l.shapes)
	g.spawn("wire", w.run)
	l.wire = w
	return nil
}

// bridged makes a link's end in the process's own network a port of its bridge, or not.
func (g *ground) bridged(l *link, end int, on bool) (err error) {
	if l.bridged[end] == on {
		return nil
	}
	if on {
		err = g.wire.handle.LinkSetMaster(l.ports[end], l.bridge)
	} else {
		err = g.wire.handle.LinkSetNoMaster(l.ports[end])
	}
	if err == nil {
		l.bridged[end] = on
	}
	return err
}

// offloads lets both hosts' ends of a link put work off, or not.
func (g *ground) offloads(l *link, on bool) error {
	if l.offloads == on {
		return nil
	}
	for i, end := range l.ends {
		if err := end.offload(l.names[i], on); err != nil {
			return err
		}
	}
	l.offloads = on
	return nil
}
