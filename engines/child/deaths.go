package child

import (
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// deaths is how a family of children of Fork learns of their ends: one epoll descriptor with the pidfds of all. A goroutine
// for each, which Go's poller wakes, is behind when many end: at a thousand forks a second the parent had 600
// children that had ended, and each further fork copied 600 descriptors.
type deaths struct {
	ep     int // -1 is none
	events [64]raw.EpollEvent
	kids   map[int32]*Child // by pidfd
}

// OnThread runs job on the thread that makes children. There Fork can be called. Deaths is a descriptor that can be read
// from while Attend has something to do; who has called OnThread calls Attend, too.
func (f *Family) OnThread(job func(deaths int)) error {
	ep, errno := raw.EpollCreate()
	if errno != 0 {
		return os.NewSyscallError("epoll_create1", errno)
	}
	f.deaths.ep, f.deaths.kids = ep, map[int32]*Child{}
	done := make(chan struct{})
	f.jobs <- func() { defer close(done); job(ep) }
	<-done
	return nil
}

// watchFork has Attend see the end of a child.
func (f *Family) watchFork(c *Child) error {
	if errno := raw.EpollCtl(f.deaths.ep, syscall.EPOLL_CTL_ADD, c.bareFd, 0, syscall.EPOLLIN); errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	f.deaths.kids[int32(c.bareFd)] = c
	return nil
}

// Attend sees to the children of Fork that have ended.
func (f *Family) Attend() { f.attendFor(0) }

func (f *Family) attendFor(milliseconds int) {
	var n int
	if milliseconds == 0 {
		n, _ = raw.EpollWaitRaw(f.deaths.ep, f.deaths.events[:], 0)
	} else {
		n, _ = raw.EpollWait(f.deaths.ep, f.deaths.events[:], milliseconds)
	}
	for _, ev := range f.deaths.events[:n] {
		if c := f.deaths.kids[ev.Fd]; c != nil && c.outcome(c.bareFd) {
			delete(f.deaths.kids, ev.Fd)
			c.why = c.explain()
			f.bury(c.pid)
			f.ended(c)
		}
	}
}

// emptied is empty for children of Fork.
func (f *Family) emptied(limit time.Duration) bool {
	for end := time.Now().Add(limit); len(f.deaths.kids) > 0; {
		rest := time.Until(end).Milliseconds()
		if rest <= 0 {
			return false
		}
		f.attendFor(int(rest))
	}
	return true
}
