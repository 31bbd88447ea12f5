package crowd

import (
	"context"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// connecting is how many connects are under way at once, over all hands.
const connecting = 256

// perSource is how many connections have the same source address of 127/8: with much more of the 28,232 ports in use the
// kernel has to look long for a free one.
const perSource = 10000

// Open opens a crowd. Connections that cannot be opened are counted and no error, even if all are such. The error is that of
// ctx, an address that cannot be read, or a *LimitError: nothing is open then.
func Open(ctx context.Context, o Options) (*Crowd, error) {
	if o.Place == nil {
		o.Place = engines.Here{}
	}
	c := &Crowd{wanted: o.N, spread: o.N, ended: make(chan struct{})}
	order, err := o.order(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		var code string
		if code = engines.Code(err); code == "" {
			return nil, err
		}
		c.failed.fail(code, o.N)
		return c, nil
	}
	if o.Here == 0 {
		o.Here = hereRoom()
	}
	if o.Each == 0 {
		o.Each = workerRoom()
	}
	workers := o.Args != nil && o.N > o.Here
	if err := fits(order, o.Place, o.Args != nil, workers); err != nil {
		return nil, err
	}
	if workers {
		err = c.inWorkers(ctx, o, order)
	} else {
		err = c.here(ctx, o, order)
	}
	if err != nil {
		c.Close(true)
		return nil, err
	}
	return c, nil
}

// order is what is to be opened, all of it.
func (o *Options) order(ctx context.Context) (*Order, error) {
	out := &Order{N: o.N, Rate: o.Rate, Start: monotonic(), Timeout: o.Timeout, Window: connecting, Behaviour: o.Behaviour}
	if path, ok := strings.CutPrefix(o.To, "unix:"); ok {
		out.Path = path
		return out, engines.AllowUnix(o.Place, path)
	}
	addr, err := engines.ParseAddr(o.To)
	if err != nil {
		return nil, err
	}
	if out.From, err = engines.ParseFrom(o.From); err != nil {
		return nil, err
	}
	if out.From.IsValid() {
		if err := o.Place.Allow(out.From.Addr()); err != nil {
			return nil, err
		}
	}
	if out.To, err = engines.Resolve(ctx, o.Place, addr); err != nil {
		return nil, err
	}
	out.spreadOut(o.Place)
	return out, nil
}

// spreadOut gives connections on loopback sources of 127/8 where one address would not have ports for all.
func (o *Order) spreadOut(place engines.Place) {
	first := o.To[0].Addr().Unmap()
	if !first.Is4() || !first.IsLoopback() || o.From.IsValid() {
		return
	}
	each := perSource
	if low, high := portRange(place); high > low {
		each = max(1, min(each, (high-low+1)/2))
	}
	if o.N > each {
		o.Spread = each
		o.To = slices.DeleteFunc(o.To, func(a netip.AddrPort) bool { return !a.Addr().Unmap().Is4() })
	}
}

// part is the order for some of the connections.
func (o *Order) part(first, n, window int) Order {
	out := *o
	out.First, out.N, out.Window = first, n, window
	return out
}

// family is that of the first address.
func (o *Order) family() int {
	switch {
	case o.Path != "":
		return syscall.AF_UNIX
	case o.To[0].Addr().Unmap().Is4():
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// ask has the sockets come from the parent, which are of one family then.
func (o *Order) ask() {
	o.Asks = true
	if o.Path == "" {
		is4 := o.family() == syscall.AF_INET
		o.To = slices.DeleteFunc(slices.Clone(o.To), func(a netip.AddrPort) bool { return a.Addr().Unmap().Is4() != is4 })
	}
}

// here opens everything in this process.
func (c *Crowd) here(ctx context.Context, o Options, order *Order) error {
	k := newKeeper(o.N, func(family int) (int, error) { return o.Place.Socket(family, syscall.SOCK_STREAM, 0) })
	c.hands = []hand{k}
	order.Yields = true
	return k.open(ctx, *order, c.teller(o.Progress)(0))
}

// inWorkers spreads the connections over as many processes as are needed. So many of them connect at a time as there are
// processors.
func (c *Crowd) inWorkers(ctx context.Context, o Options, order *Order) error {
	n := (o.N + o.Each - 1) / o.Each
	c.spread = (o.N + n - 1) / n
	c.hands, c.workers = make([]hand, n), n
	kin, err := child.NewFamily(false)
	if err != nil {
		return err
	}
	c.family = &family{kin: kin}
	tell := c.teller(o.Progress)
	atOnce := min(runtime.NumCPU(), n)
	if order.Rate > 0 {
		atOnce = n
	}
	turn := make(chan struct{}, atOnce)
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		r := newRemote(o.Place, order.family())
		c.hands[i] = r
		first := i * c.spread
		part := order.part(first, min(c.spread, o.N-first), max(1, connecting/atOnce))
		if _, isHere := o.Place.(engines.Here); !isHere {
			part.ask()
		}
		wait.Add(1)
		engines.Go("a crowd's worker", func() error {
			turn <- struct{}{}
			defer func() { <-turn }()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := r.start(kin, o.Args, part); err != nil {
				return nil // its connections count as failed
			}
			return r.open(ctx, part, tell(i))
		}, func(err error) {
			errs[i] = err
			wait.Done()
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// teller adds up what the hands tell.
func (c *Crowd) teller(to func(Stats)) func(i int) func(Stats) {
	if to == nil {
		return func(int) func(Stats) { return func(Stats) {} }
	}
	var mu sync.Mutex
	parts := map[int]Stats{}
	return func(i int) func(Stats) {
		return func(s Stats) {
			mu.Lock()
			defer mu.Unlock()
			parts[i] = s
			all := Stats{Wanted: c.wanted}
			for _, p := range parts {
				all.add(p)
			}
			to(all)
		}
	}
}

// A family is the crowd's workers.
type family struct{ kin *child.Family }

func (f *family) end() { f.kin.End(func(string, ...any) {}) }
