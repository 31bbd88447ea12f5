package poll

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A poller waits with poll. The list has no holes: an entry that goes is replaced by the last one. Entries come and go only
// between waits, on the loop's own thread. What an entry waits for others may change meanwhile: the kernel has read that
// as the wait began, and writes nothing but the answers.
type poller struct {
	list []raw.PollFd
	at   engines.Table[int32] // 1 + its index in list; 0 for one that is not watched
}

// Watch enters a descriptor, or changes its entry.
func (p *poller) Watch(fd int, _ uint32, _, want engines.Interest) syscall.Errno {
	at := p.at.Make(fd)
	if *at == 0 {
		p.enter(raw.PollFd{Fd: int32(fd)})
		*at = int32(len(p.list))
	}
	var events int16
	if want&engines.In != 0 {
		events |= raw.PollIn
	}
	if want&engines.Out != 0 {
		events |= raw.PollOut
	}
	p.list[*at-1].Events = events
	return 0
}

// enter adds an entry. The list grows fourfold: what it has not reached yet costs nothing, while each of its former selves
// is memory that the collector has to find.
func (p *poller) enter(entry raw.PollFd) {
	if len(p.list) == cap(p.list) {
		p.list = append(make([]raw.PollFd, 0, max(64, 4*cap(p.list))), p.list...)
	}
	p.list = append(p.list, entry)
}

// Unwatch takes a descriptor out.
func (p *poller) Unwatch(fd int, _ bool) {
	at := p.at.At(fd)
	if at == nil || *at == 0 {
		return
	}
	i, last := *at-1, len(p.list)-1
	p.list[i] = p.list[last]
	*p.at.At(int(p.list[i].Fd)) = i + 1
	*at = 0
	p.list = p.list[:last]
}

// Prepare says that the kernel copies the list.
func (p *poller) Prepare() (copied bool) { return true }

// Wait walks the list after the call, but only as far as there is something to find.
func (p *poller) Wait(busy bool, limit time.Duration, ready []engines.Event) ([]engines.Event, syscall.Errno) {
	wait := raw.Poll
	if busy {
		wait = raw.PollRaw
	}
	n, errno := wait(p.list, limit)
	for i := 0; n > 0 && i < len(p.list); i++ {
		if fd := &p.list[i]; fd.Revents != 0 {
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
