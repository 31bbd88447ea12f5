package sys

import (
	"strings"

	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// An event is a bit of poll(2) or epoll(7), by its name without POLL or EPOLL.
type event struct {
	name string
	bit  uint32
	doc  string
}

func pollEvents() []event {
	return []event{
		{"IN", unix.POLLIN, "there is something to read, or the end of the stream."},
		{"PRI", unix.POLLPRI, "there is urgent data."},
		{"OUT", unix.POLLOUT, "there is room to write."},
		{"RDHUP", unix.POLLRDHUP, "the peer sends nothing more; comes only if asked for."},
		{"ERR", unix.POLLERR, "an error is pending; always asked for."},
		{"HUP", unix.POLLHUP, "both directions have ended; always asked for."},
		{"NVAL", unix.POLLNVAL, "the descriptor is not open."},
	}
}

func epollEvents() []event {
	return []event{
		{"IN", unix.EPOLLIN, "there is something to read, or the end of the stream."},
		{"PRI", unix.EPOLLPRI, "there is urgent data."},
		{"OUT", unix.EPOLLOUT, "there is room to write."},
		{"RDHUP", unix.EPOLLRDHUP, "the peer sends nothing more; comes only if asked for."},
		{"ERR", unix.EPOLLERR, "an error is pending; always asked for."},
		{"HUP", unix.EPOLLHUP, "both directions have ended; always asked for."},
		{"ET", unix.EPOLLET, "tell once for each change (an edge), not as long as it holds (the level)."},
		{"ONESHOT", unix.EPOLLONESHOT, "tell once, then not before the next modify."},
		{"EXCLUSIVE", unix.EPOLLEXCLUSIVE, "wake one of those who wait for the same descriptor, not all."},
	}
}

// mask reads events: a number, or names with | between them, as in "IN|ET". Known are the names that fit.
func mask(arg string, v lua.Value, known []event) (uint32, error) {
	if n, ok := v.Number(); ok {
		if n < 0 || n != float64(uint32(n)) {
			return 0, lua.Misusef(arg, "events are a whole number from 0 to 2^32 - 1, got %s", v)
		}
		return uint32(n), nil
	}
	list, ok := v.Text()
	if !ok {
		return 0, lua.Misusef(arg, "events expected, \"IN|OUT\" or a number, got %s", describe(v))
	}
	var bits uint32
	for _, name := range strings.Split(list, "|") {
		bit, err := eventBit(arg, strings.TrimSpace(name), known)
		if err != nil {
			return 0, err
		}
		bits |= bit
	}
	return bits, nil
}

func eventBit(arg, name string, known []event) (uint32, error) {
	var names []string
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "E"), "POLL")
	if bare == strings.TrimPrefix(name, "E") { // there was no POLL
		bare = name
	}
	for _, e := range known {
		if e.name == bare {
			return e.bit, nil
		}
		names = append(names, e.name)
	}
	if near := lua.Nearest(bare, names); near != "" {
		return 0, lua.Misusef(arg, "event %.20q unknown, did you mean '%s'?", name, near)
	}
	return 0, lua.Misusef(arg, "event %.20q unknown; there are: %s", name, strings.Join(names, ", "))
}

// has says whether events contain all of those wanted.
func has(events, wanted lua.Value) (bool, error) {
	all := append(epollEvents(), pollEvents()...)
	got, err := mask("events", events, all)
	if err != nil {
		return false, err
	}
	want, err := mask("wanted", wanted, all)
	return got&want == want, err
}

// A Ready is one row of what poll and epoll:wait return: by name, row.fd and row.events, or by place, as in
// local fd, events = unpack(row).
type Ready struct {
	Fd     lua.Value `lua:"fd" place:"1" help:"the very object that was given"`
	Events int       `lua:"events" place:"2" help:"a number; sys.has(events, \"IN\") tests it"`
}

func ready(fd lua.Value, events uint32) Ready {
	return Ready{Fd: fd, Events: int(events)}
}

// A waitable is what can be waited for: an Fd, an Epoll, a server's or client's Conn.
type waitable interface {
	Fileno() int
	Closed() bool
}

// waitableIn is the object, or the bare number, that a value is.
func waitableIn(v lua.Value) (waitable, bool) {
	if n, ok := v.Number(); ok && n >= 0 && n == float64(int32(n)) {
		return bareNumber(n), true
	}
	x, ok := v.Object().(waitable)
	return x, ok
}

// waitableOf is the object behind a value, and the descriptor if it is one of the script's own.
func waitableOf(arg string, v lua.Value) (waitable, *descriptor, error) {
	x, ok := waitableIn(v)
	if !ok {
		return nil, nil, lua.Misusef(arg, "Fd expected, got %s", describe(v))
	}
	if x.Fileno() < 0 {
		if v.TypeName() == "Conn" {
			return nil, nil, lua.Misusef(arg, "the connection is closed; conn:wants() is nil then")
		}
		return nil, nil, lua.Misusef(arg, "the descriptor is closed")
	}
	switch d := x.(type) {
	case *Fd:
		return x, &d.descriptor, nil
	case *Epoll:
		return x, &d.descriptor, nil
	}
	return x, nil, nil
}
