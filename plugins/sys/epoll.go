package sys

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// An Epoll is an epoll(7) descriptor.
//
// The kernel knows what is registered by its number and its open file, and gives back 64 bits with each event. Half of
// them are a ticket of ours, which leads to the object even where its number has become another file's by then.
type Epoll struct {
	descriptor
	table   sync.Mutex
	objects map[uint32]lua.Value // by ticket
	tickets map[waitable]uint32
	waited  map[waitable]bool // of those registered, who wants to know of waits
	last    uint32
	sweepAt int
}

// most is how many events one wait brings.
const most = 256

func epoll(env *lua.Env) (*Epoll, error) {
	num, errno := raw.EpollCreate()
	if errno != 0 {
		return nil, fault("epoll", "", errno)
	}
	e := &Epoll{descriptor: descriptor{num: num}, objects: map[uint32]lua.Value{}, tickets: map[waitable]uint32{}, waited: map[waitable]bool{}, sweepAt: 64}
	e.own(env, fmt.Sprintf("epoll %d", num))
	return e, nil
}

func (e *Epoll) register(env *lua.Env, fd, events lua.Value) error {
	err := e.control("register", unix.EPOLL_CTL_ADD, fd, events)
	if x, ok := waitableIn(fd); ok && err == nil {
		if _, wants := waitedOf(env.World(), x); wants {
			e.table.Lock()
			e.waited[x] = true
			e.table.Unlock()
		}
	}
	return err
}

func (e *Epoll) modify(fd, events lua.Value) error {
	return e.control("modify", unix.EPOLL_CTL_MOD, fd, events)
}

func (e *Epoll) unregister(fd lua.Value) error {
	return e.control("unregister", unix.EPOLL_CTL_DEL, fd, lua.Value{})
}

// control is epoll_ctl(2).
func (e *Epoll) control(op string, code int, fd, events lua.Value) error {
	var bits uint32
	if code != unix.EPOLL_CTL_DEL {
		var err error
		if bits, err = mask("events", events, epollEvents()); err != nil {
			return err
		}
	}
	x, d, err := waitableOf("fd", fd)
	if err != nil {
		return err
	}
	if x == waitable(e) {
		return e.fault(op, "", syscall.EINVAL) // what epoll_ctl says of an epoll in itself
	}
	if err := e.acquire(); err != nil {
		return err
	}
	defer e.done()
	if d != nil {
		if err := d.acquire(); err != nil {
			return err
		}
		defer d.done()
	}
	e.table.Lock()
	defer e.table.Unlock()
	ticket := e.tickets[x]
	if code == unix.EPOLL_CTL_ADD {
		e.last++
		ticket = e.last
	}
	if errno := raw.EpollCtl(e.num, code, x.Fileno(), ticket, bits); errno != 0 {
		return e.fault(op, "", errno)
	}
	switch code {
	case unix.EPOLL_CTL_ADD:
		e.objects[ticket], e.tickets[x] = fd, ticket
		e.sweep()
	case unix.EPOLL_CTL_DEL:
		delete(e.objects, ticket)
		delete(e.tickets, x)
		delete(e.waited, x)
	}
	return nil
}

// wait is epoll_wait(2).
func (e *Epoll) wait(ctx context.Context, timeout *time.Duration) ([]Ready, error) {
	if err := e.acquire(); err != nil {
		return nil, err
	}
	defer e.done()
	waiting := waiter{ctx: ctx, on: []*descriptor{&e.descriptor}, until: deadline(timeout), pays: e.attend(ctx)}
	found := false
	defer func() { waiting.pays.over(found) }()
	fds := [2]raw.PollFd{{Fd: int32(e.num), Events: raw.PollIn}, {Events: raw.PollIn}}
	events := make([]raw.EpollEvent, most)
	out := []Ready{}
	found, err := waiting.run(func(wakeup int, left time.Duration) (bool, error) {
		// The call itself comes first: there may be something, and a ppoll before it would be for nothing.
		n, errno := raw.EpollWait(e.num, events, 0)
		if n > 0 || errno != 0 {
			out = e.given(out, events[:n])
			return len(out) > 0, errnoErr(errno)
		}
		if left == 0 {
			return false, nil
		}
		fds[1].Fd = int32(wakeup)
		if _, errno := raw.Poll(fds[:], left); errno != 0 || fds[0].Revents == 0 {
			return false, errnoErr(errno)
		}
		n, errno = raw.EpollWait(e.num, events, 0)
		out = e.given(out, events[:n])
		return len(out) > 0, errnoErr(errno)
	})
	if err != nil {
		return nil, e.fault("wait", "", err)
	}
	return out, nil
}

// attend pays attention to the listeners that are registered.
func (e *Epoll) attend(ctx context.Context) *attention {
	e.table.Lock()
	var list []waitable
	for x := range e.waited {
		list = append(list, x)
	}
	e.table.Unlock()
	a, w := &attention{}, lua.EnvOf(ctx).World()
	for _, x := range list {
		a.to(w, x)
	}
	return a
}

func errnoErr(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// given are the rows of events. What has been unregistered by another fiber since is left out.
func (e *Epoll) given(out []Ready, events []raw.EpollEvent) []Ready {
	e.table.Lock()
	defer e.table.Unlock()
	for i := range events {
		if object, ok := e.objects[uint32(events[i].Pad)]; ok {
			out = append(out, ready(object, events[i].Events))
		}
	}
	return out
}

// sweep forgets objects that the kernel has forgotten: what is closed without being unregistered is gone from the epoll
// descriptor, unless there is a dup of it. Which is the case the kernel says itself, in /proc/self/fdinfo (proc(5)).
func (e *Epoll) sweep() {
	if len(e.objects) < e.sweepAt {
		return
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", e.num))
	if err != nil {
		return
	}
	defer f.Close()
	registered := map[uint32]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// tfd:        5 events:       19 data:      2a00000005  pos:0 ino:… sdev:…
		_, after, ok := strings.Cut(lines.Text(), "data:")
		var data uint64
		if n, _ := fmt.Sscanf(strings.TrimSpace(after), "%x", &data); ok && n == 1 {
			registered[uint32(data>>32)] = true
		}
	}
	for ticket := range e.objects {
		if !registered[ticket] {
			delete(e.objects, ticket)
		}
	}
	for x, ticket := range e.tickets {
		if !registered[ticket] {
			delete(e.tickets, x)
		}
	}
	e.sweepAt = 2*len(e.objects) + 64
}

func (e *Epoll) fileno() (int, error) {
	if n := e.Fileno(); n >= 0 {
		return n, nil
	}
	return 0, lua.Misusef("", "the descriptor is closed")
}

// String is the number and how much is registered.
func (e *Epoll) String() string {
	if e.Closed() {
		return fmt.Sprintf("Epoll %d (closed)", e.num)
	}
	e.table.Lock()
	defer e.table.Unlock()
	return fmt.Sprintf("Epoll %d (%d registered)", e.num, len(e.objects))
}
