package sys

import (
	"context"
	"fmt"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
)

// A pollRow is struct pollfd as scripts write it: {fd, events}, by place or by name.
type pollRow struct {
	Fd     lua.Value `lua:"fd,required" place:"1" help:"what to wait for"`
	Events lua.Value `lua:"events,required" place:"2" help:"\"IN|OUT\" or a number"`
}

// pollCall is poll(2): those rows for which something has happened.
func pollCall(ctx context.Context, fds []pollRow, timeout *time.Duration) (_ []Ready, err error) {
	waiting := waiter{ctx: ctx, until: deadline(timeout)}
	defer func() { releaseAll(waiting.on) }()
	objects := make([]lua.Value, len(fds))
	for i, row := range fds {
		objects[i] = row.Fd
	}
	found := false
	waiting.pays = attend(ctx, objects)
	defer func() { waiting.pays.over(found) }()
	set := make([]raw.PollFd, len(fds), len(fds)+1)
	for i, row := range fds {
		bits, err := mask("fds", row.Events, pollEvents())
		if err == nil && bits > 0x7fff {
			err = lua.Misusef("fds", "the events of poll have 15 bits, got %#x", bits)
		}
		if err != nil {
			return nil, at(err, i)
		}
		x, d, err := waitableOf("fds", row.Fd)
		if err != nil {
			return nil, at(err, i)
		}
		if d != nil {
			if err := d.acquire(); err != nil {
				return nil, err
			}
			waiting.on = append(waiting.on, d)
		}
		set[i] = raw.PollFd{Fd: int32(x.Fileno()), Events: int16(bits)}
	}
	found, err = waiting.poll(set)
	if err != nil {
		return nil, fault("poll", "", err)
	}
	out := []Ready{}
	for i := range set {
		if found && set[i].Revents != 0 {
			out = append(out, ready(fds[i].Fd, uint32(uint16(set[i].Revents))))
		}
	}
	return out, nil
}

// at names the place in a list where a mistake is.
func at(err error, i int) error {
	m, ok := err.(*lua.Misuse)
	if !ok {
		return err
	}
	return lua.Misusef(m.Arg, "%s", fmt.Sprintf("[%d]: %s", i+1, m.Message))
}
