package sys

import (
	"context"
	"fmt"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
)

// A selection is one of select's three lists.
type selection struct {
	name string
	list []lua.Value
	nums []int
}

// objects are a list as a result: one value, a table.
type objects []lua.Value

// selectCall is select(2) itself: bits in three sets, descriptors below FD_SETSIZE, the sets changed in place.
func selectCall(ctx context.Context, r, w, x []lua.Value, timeout *time.Duration) (_, _, _ objects, err error) {
	lists := [3]selection{{name: "r", list: r}, {name: "w", list: w}, {name: "x", list: x}}
	waiting := waiter{ctx: ctx, until: deadline(timeout)}
	defer func() { releaseAll(waiting.on) }()
	found := false
	waiting.pays = attend(ctx, r, w, x)
	defer func() { waiting.pays.over(found) }()
	var wanted [3]raw.FdSet
	for i := range lists {
		if waiting.on, err = lists[i].fill(&wanted[i], waiting.on); err != nil {
			return nil, nil, nil, err
		}
	}
	var got [3]raw.FdSet
	found, err = waiting.run(func(wakeup int, left time.Duration) (bool, error) {
		got = wanted
		hasBit := wakeup >= 0 && wakeup < raw.FdSetSize
		if hasBit {
			got[0].Set(wakeup)
		} else if left < 0 || left > slice {
			left = slice
		}
		width := max(got[0].Width(), got[1].Width(), got[2].Width())
		n, errno := raw.Select3(width, &got[0], &got[1], &got[2], left)
		if errno != 0 {
			return false, errno
		}
		if n > 0 && hasBit && got[0].IsSet(wakeup) {
			n--
		}
		return n > 0, nil
	})
	if err != nil {
		return nil, nil, nil, fault("select", "", err)
	}
	return lists[0].in(&got[0]), lists[1].in(&got[1]), lists[2].in(&got[2]), nil
}

// fill sets the bits of a list, and takes hold of what is the script's own.
func (s *selection) fill(set *raw.FdSet, on []*descriptor) ([]*descriptor, error) {
	for i, v := range s.list {
		x, d, err := waitableOf(s.name, v)
		if err != nil {
			return on, at(err, i)
		}
		if d != nil {
			if err := d.acquire(); err != nil {
				return on, err
			}
			on = append(on, d)
		}
		num := x.Fileno()
		if num >= raw.FdSetSize {
			return on, &lua.Fault{Code: "EINVAL", Op: "select", Message: fmt.Sprintf(
				"descriptor %d has no bit in select's sets, which end at %d (FD_SETSIZE); poll and epoll have no such end",
				num, raw.FdSetSize-1)}
		}
		if num < 0 {
			return on, at(lua.Misusef(s.name, "the descriptor is closed"), i)
		}
		s.nums = append(s.nums, num)
		set.Set(num)
	}
	return on, nil
}

// in are those of the list whose bits are set.
func (s *selection) in(set *raw.FdSet) objects {
	out := objects{}
	for i, num := range s.nums {
		if set.IsSet(num) {
			out = append(out, s.list[i])
		}
	}
	return out
}

// attend pays attention to the listeners in the lists.
func attend(ctx context.Context, lists ...[]lua.Value) *attention {
	a, w := &attention{}, lua.EnvOf(ctx).World()
	for _, list := range lists {
		for _, v := range list {
			if x, ok := waitableIn(v); ok {
				a.to(w, x)
			}
		}
	}
	return a
}

func releaseAll(on []*descriptor) {
	for _, d := range on {
		d.done()
	}
}
