package crowd

import (
	"context"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// What stands in the slot of a connection that has no descriptor.
const (
	never  = -1 - iota // it was not opened, or not yet
	shut               // closed by this end
	gone               // taken by somebody
	failed             // failed-errno: it could not be opened
	broken = -1 << 16  // broken-errno: it failed later
)

// endOfStream and cancelled are no errno of the kernel's: the peer has ended its side; nobody wants it any more.
const endOfStream = syscall.Errno(4096)

// codeOf is the name of an errno as stats have it.
func codeOf(errno syscall.Errno) string {
	if errno == endOfStream {
		return "EOF"
	}
	return engines.Code(errno)
}

// A keeper holds connections in this process.
type keeper struct {
	socket func(family int) (int, error) // may say EAGAIN: there is one later, and poke is called
	ctx    context.Context               // ends with the keeper
	cancel context.CancelFunc
	busy   sync.WaitGroup // those who open and behave

	mu     sync.RWMutex
	slots  []int32 // a descriptor, or why there is none
	opened int
	errors map[syscall.Errno]int
	limit  string
	wakes  map[int]struct{} // eventfds of those who wait for connections of which some may be closed meanwhile
	closed bool
	driver *driver // of a behaviour that goes on; nil
}

func newKeeper(n int, socket func(family int) (int, error)) *keeper {
	k := &keeper{socket: socket, slots: make([]int32, n), errors: map[syscall.Errno]int{}, wakes: map[int]struct{}{}}
	for i := range k.slots {
		k.slots[i] = never
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// do does an op.
func (k *keeper) do(ctx context.Context, o op) (a answer, err error) {
	switch o.Kind {
	case "send":
		a.OK = k.send(ctx, o.Part, o.Data)
	case "recv":
		if o.Limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.Limit)
			defer cancel()
		}
		a.OK = k.recv(ctx, o.Part, o.N)
	case "shutdown":
		a.OK = k.each(ctx, o.Part, 0, 0, func(fd int, _ *job) syscall.Errno { return raw.Shutdown(fd, o.N) })
	case "close":
		a.OK = k.close(o.Part, false)
	case "reset":
		a.OK = k.close(o.Part, true)
	case "stats":
		a.Stats = k.stats(o.Part)
	case "take":
		a.fd, a.Code = k.take(o.Part.First)
	}
	return a, nil
}

// close closes the connections of a part.
func (k *keeper) close(p Part, reset bool) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := p.First; i <= p.Last; i++ {
		if fd := k.slots[i]; fd >= 0 {
			k.drop(i, shut, reset)
			n++
		}
	}
	k.rouse()
	return n
}

// drop closes one; k.mu is held for writing.
func (k *keeper) drop(i int, why int32, reset bool) {
	fd := int(k.slots[i])
	if reset {
		raw.SetLinger(fd, true, 0)
	}
	raw.Close(fd)
	k.slots[i] = why
}

// fail closes one that has failed, if it is still there; k.mu is held for writing.
func (k *keeper) fail(i int, fd int32, errno syscall.Errno) {
	if k.slots[i] == fd {
		k.drop(i, broken-int32(errno), false)
		k.errors[errno]++
	}
}

// rouse makes everybody who waits look again at what there still is; k.mu is held.
func (k *keeper) rouse() {
	for fd := range k.wakes {
		raw.Notify(fd)
	}
}

// sweep is how many connections the kernel is asked about in one call.
const sweep = 1024

// stats asks the kernel about every connection of a part. One that has failed meanwhile is counted, and closed.
func (k *keeper) stats(p Part) Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	whole := p == Part{0, len(k.slots) - 1}
	s := Stats{Limit: k.limit}
	fds := make([]raw.PollFd, 0, sweep)
	slots := make([]int, 0, sweep)
	look := func() {
		raw.PollRaw(fds, 0)
		for j, f := range fds {
			switch {
			case f.Revents&(raw.PollErr|raw.PollHup) != 0:
				if errno, _ := raw.GetInt(int(f.Fd), syscall.SOL_SOCKET, syscall.SO_ERROR); errno != 0 {
					k.fail(slots[j], f.Fd, syscall.Errno(errno))
					continue
				}
				s.Ended++
			case f.Revents&pollRdHup != 0:
				s.Ended++
			}
			s.Open++
		}
		fds, slots = fds[:0], slots[:0]
	}
	for i := p.First; i <= p.Last; i++ {
		if fd := k.slots[i]; fd >= 0 {
			fds, slots = append(fds, raw.PollFd{Fd: fd, Events: pollRdHup}), append(slots, i)
			if len(fds) == sweep {
				look()
			}
		}
	}
	if len(fds) > 0 {
		look()
	}
	if whole {
		s.Opened = k.opened
		for errno, n := range k.errors {
			s.fail(codeOf(errno), n)
		}
		return s
	}
	for _, v := range k.slots[p.First : p.Last+1] {
		switch {
		case v >= 0, v == shut, v == gone:
			s.Opened++
		case v <= broken:
			s.Opened++
			s.fail(codeOf(syscall.Errno(broken-v)), 1)
		case v <= failed:
			s.fail(codeOf(syscall.Errno(failed-v)), 1)
		}
	}
	return s
}

// pollRdHup is POLLRDHUP: the peer has ended its side.
const pollRdHup = 0x2000

// take gives a connection's descriptor away.
func (k *keeper) take(i int) (fd int, code string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch v := k.slots[i]; {
	case v >= 0:
		k.slots[i] = gone
		k.rouse()
		return int(v), ""
	case v == never:
		return -1, "ENOTCONN"
	case v <= broken:
		return -1, codeOf(syscall.Errno(broken - v))
	case v <= failed:
		return -1, codeOf(syscall.Errno(failed - v))
	}
	return -1, "EBADF"
}

// end closes everything, and returns when nobody is busy with it any more.
func (k *keeper) end() {
	k.cancel()
	k.busy.Wait()
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.close(Part{0, len(k.slots) - 1}, false)
}
