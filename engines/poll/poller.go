package poll

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A poller waits with poll. The list has no holes: an entry that goes is replaced by the last one.
type poller struct {
	list []raw.PollFd
	at   []int32      // by descriptor: 1 + its index in list; 0 for one that is not watched
	copy []raw.PollFd // what the kernel is given, and writes into
}

// Watch enters a descriptor, or changes its entry.
func (p *poller) Watch(fd int, _ uint32, _, want engines.Interest) syscall.Errno {
	for fd >= len(p.at) {
		p.at = append(p.at, 0)
	}
	if p.at[fd] == 0 {
		p.list = append(p.list, raw.PollFd{Fd: int32(fd)})
		p.at[fd] = int32(len(p.list))
	}
	var events int16
	if want&engines.In != 0 {
		events |= raw.PollIn
	}
	if want&engines.Out != 0 {
		events |= raw.PollOut
	}
	p.list[p.at[fd]-1].Events = events
	return 0
}

// Unwatch takes a descriptor out.
func (p *poller) Unwatch(fd int, _ bool) {
	if fd >= len(p.at) || p.at[fd] == 0 {
		return
	}
	i, last := p.at[fd]-1, len(p.list)-1
	p.list[i] = p.list[last]
	p.at[p.list[i].Fd] = i + 1
	p.at[fd] = 0
	p.list = p.list[:last]
}

// Prepare copies the list, which may change while the kernel looks at it.
func (p *poller) Prepare() (copied bool) {
	p.copy = append(p.copy[:0], p.list...)
	return true
}

// Wait walks the list after the call, but only as far as there is something to find.
func (p *poller) Wait(busy bool, limit time.Duration, ready []engines.Event) ([]engines.Event, syscall.Errno) {
	wait := raw.Poll
	if busy {
		wait = raw.PollRaw
	}
	n, errno := wait(p.copy, limit)
	for i := 0; n > 0 && i < len(p.copy); i++ {
		if fd := &p.copy[i]; fd.Revents != 0 {
			ready = append(ready, engines.Event{Fd: int(fd.Fd), Ready: what(fd.Revents)})
			n--
		}
	}
	return ready, errno
}

// what an answer means. POLLNVAL, a descriptor that is not open, cannot come: what is closed is taken out.
func what(revents int16) (i engines.Interest) {
	if revents&raw.PollIn != 0 {
		i |= engines.In
	}
	if revents&raw.PollOut != 0 {
		i |= engines.Out
	}
	if revents&(raw.PollErr|raw.PollHup) != 0 {
		i |= engines.Gone
	}
	return i
}

// Close has nothing to free: the list is this program's own.
func (p *poller) Close() {}
