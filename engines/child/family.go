package child

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A Family is the children of one server. All are made by one thread, which lives as long as they do: the kernel sends
// a child its signal at the parent's death when the thread that made it ends (prctl(2), PR_SET_PDEATHSIG).
type Family struct {
	Table   *Table
	zombies bool // leave them to the end
	jobs    chan func()
	room    []byte // where a child of Fork receives, in its own copy of it
	deaths  deaths

	mu       sync.Mutex
	members  map[*Child]struct{}
	making   int   // children that are being made
	ending   bool  // no more are made
	unburied []int // processes that have ended and were not waited for
	none     *sync.Cond
}

// NewFamily makes a family without members.
func NewFamily(zombies bool) (*Family, error) {
	table, err := NewTable()
	if err != nil {
		return nil, err
	}
	f := &Family{Table: table, zombies: zombies, jobs: make(chan func()), room: make([]byte, 64<<10), members: map[*Child]struct{}{}}
	f.deaths.ep = -1
	f.none = sync.NewCond(&f.mu)
	engines.Go("the thread that makes children", func() error {
		// Never unlocked: the thread ends with the goroutine, when there are no children any more.
		runtime.LockOSThread()
		for job := range f.jobs {
			job()
		}
		return nil
	}, func(error) {})
	return f, nil
}

// errEnding is for who comes too late.
var errEnding = errors.New("no more children are made: the parent ends them")

// make makes a process, on the thread that makes children, and a member of it, whose end is waited for.
func (f *Family) make(c *Child, job func() error) error {
	if err := f.begin(); err != nil {
		return err
	}
	done := make(chan error, 1)
	f.jobs <- func() { done <- job() }
	err := <-done
	f.made(c, err)
	if err == nil {
		f.attend(c)
	}
	return err
}

func (f *Family) begin() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending {
		return errEnding
	}
	f.making++
	return nil
}

func (f *Family) made(c *Child, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.making--
	if err == nil {
		f.members[c] = struct{}{}
	}
	f.none.Broadcast()
}

// attend waits for a member's end.
func (f *Family) attend(c *Child) {
	engines.Go("a child's parent", func() error { c.attend(); return nil }, func(error) { f.ended(c) })
}

// ended tells of a member's end.
func (f *Family) ended(c *Child) {
	c.mu.Lock()
	c.close()
	c.over = true
	w := c.work
	c.mu.Unlock()
	close(c.ended)
	if w != nil {
		w.Gone(c)
	}
	f.mu.Lock()
	delete(f.members, c)
	f.none.Broadcast()
	f.mu.Unlock()
}

// bury reaps a child that has ended, unless zombies are wanted.
func (f *Family) bury(pid int) {
	if f.zombies {
		f.mu.Lock()
		f.unburied = append(f.unburied, pid)
		f.mu.Unlock()
		return
	}
	reap(pid)
}

// Bury reaps a child that has ended, of a family that leaves zombies.
func (f *Family) Bury(c *Child) {
	f.mu.Lock()
	i := slices.Index(f.unburied, c.pid)
	if i >= 0 {
		f.unburied = slices.Delete(f.unburied, i, i+1)
	}
	f.mu.Unlock()
	if i >= 0 {
		reap(c.pid)
	}
}

func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// How long children may take to end by themselves, and how long the kernel may take to end them: it does, but on a
// machine that is very busy a process that is killed has to wait for its turn to die.
const (
	grace    = 400 * time.Millisecond
	killTime = 10 * time.Second
)

// ErrAlive says that the kernel has not ended children that were killed.
var ErrAlive = errors.New("children that were killed have not ended yet")

// End ends all members: they are asked, and killed if they do not.
func (f *Family) End(log func(format string, args ...any)) error {
	f.close()
	for _, c := range f.list() {
		c.stop()
	}
	if !f.empty(grace) {
		stuck := f.list()
		for _, c := range stuck {
			c.Kill(syscall.SIGKILL)
		}
		if len(stuck) > 0 {
			log("children that had not ended %v after the stop were killed: %d", grace, len(stuck))
		}
	}
	gone := f.empty(killTime)
	f.mu.Lock()
	for _, pid := range f.unburied {
		reap(pid)
	}
	f.unburied = nil
	f.mu.Unlock()
	f.Table.Close()
	if f.deaths.ep >= 0 {
		raw.Close(f.deaths.ep)
	}
	if !gone {
		return ErrAlive // and the thread stays, or they would be killed by its end
	}
	close(f.jobs)
	return nil
}

// close sees to it that the members are all there will be.
func (f *Family) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = true
	for f.making > 0 {
		f.none.Wait()
	}
}

func (f *Family) list() (all []*Child) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.members {
		all = append(all, c)
	}
	return all
}

// empty waits until there are no members.
func (f *Family) empty(limit time.Duration) bool {
	if f.deaths.ep >= 0 {
		return f.emptied(limit)
	}
	late := false
	timer := time.AfterFunc(limit, func() {
		f.mu.Lock()
		late = true
		f.none.Broadcast()
		f.mu.Unlock()
	})
	defer timer.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.members) > 0 && !late {
		f.none.Wait()
	}
	return len(f.members) == 0
}
