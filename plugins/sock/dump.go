package sock

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// dump asks for the sockets of a query. Where few are meant the kernel is asked for its two tables at the same time, on two
// sockets: to walk one takes it as long as to walk the other, and next to nothing comes back.
func (q *query) dump(ctx context.Context, place engines.Place, c *collector) (whole bool, err error) {
	fd, err := q.open(ctx, place)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	hashed, bound, two := q.Halves()
	if !two {
		whole, err = netlink.Dump(ctx, fd, q.Query, c)
		return whole, lua.NewFault("list sockets", "", err)
	}
	second, err := q.open(ctx, place)
	if err != nil {
		return false, err
	}
	defer unix.Close(second)
	other := &collector{of: c.of}
	var otherWhole bool
	done := make(chan error, 1)
	engines.Go("a list of bound sockets", func() (err error) {
		otherWhole, err = netlink.Dump(ctx, second, bound, other)
		return err
	}, func(err error) { done <- err })
	whole, err = netlink.Dump(ctx, fd, hashed, c)
	if problem := <-done; err == nil {
		err = problem
	}
	if err != nil {
		return false, lua.NewFault("list sockets", "", err)
	}
	c.merge(other)
	return whole && otherWhole, nil
}

// merge takes the rows of another dump of the same moment. A socket that both have met changed its state in between.
func (c *collector) merge(other *collector) {
	if len(other.rows) == 0 {
		return
	}
	met := map[uint64]bool{}
	for _, r := range c.rows {
		met[r.Cookie()] = true
	}
	for _, r := range other.rows {
		if cookie := r.Cookie(); cookie != 0 && met[cookie] {
			continue
		}
		c.AddDetailed(&r.Socket, r.details())
	}
}
