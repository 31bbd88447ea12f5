package selectmodel

import (
	"math/bits"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A poller waits with select.
type poller struct {
	read, write           raw.FdSet // what is of interest
	readReady, writeReady raw.FdSet // the copies: the kernel overwrites what it is given with what is ready
}

// Watch sets the bits. The descriptor is known to be below FD_SETSIZE.
func (p *poller) Watch(fd int, _ uint32, _, want engines.Interest) syscall.Errno {
	p.Unwatch(fd, false)
	if want&engines.In != 0 {
		p.read.Set(fd)
	}
	if want&engines.Out != 0 {
		p.write.Set(fd)
	}
	return 0
}

// Unwatch clears them.
func (p *poller) Unwatch(fd int, _ bool) {
	p.read.Clear(fd)
	p.write.Clear(fd)
}

// Prepare copies the sets.
func (p *poller) Prepare() (copied bool) {
	p.readReady, p.writeReady = p.read, p.write
	return true
}

// Wait looks, after the call, at every bit, which is what a program has to do after select.
func (p *poller) Wait(busy bool, limit time.Duration, ready []engines.Event) ([]engines.Event, syscall.Errno) {
	wait := raw.Select
	if busy {
		wait = raw.SelectRaw
	}
	n, errno := wait(max(p.readReady.Width(), p.writeReady.Width()), &p.readReady, &p.writeReady, limit)
	if n == 0 {
		return ready, errno
	}
	for word := range p.readReady {
		for set := p.readReady[word] | p.writeReady[word]; set != 0; set &= set - 1 {
			ev := engines.Event{Fd: word*64 + bits.TrailingZeros64(set)}
			if p.readReady.IsSet(ev.Fd) {
				ev.Ready |= engines.In
			}
			if p.writeReady.IsSet(ev.Fd) {
				ev.Ready |= engines.Out
			}
			ready = append(ready, ev)
		}
	}
	return ready, 0
}

// Close has nothing to free: the sets are this program's own.
func (p *poller) Close() {}
