package engines

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Poller is a way to wait for many descriptors at once: all that select, poll and epoll differ in.
//
// Watch, Unwatch and Prepare are called with the loop's lock held, from any goroutine and also while Wait waits; Wait
// and Close without it.
type Poller interface {
	// Watch waits for want on a descriptor from now on instead of for was, which is 0 the first time. Want is 0 only for one
	// that a Sender sends on.
	// Tag comes back with the descriptor's events.
	Watch(fd int, tag uint32, was, want Interest) syscall.Errno
	// Unwatch stops that. Closed says that the descriptor is closed already.
	Unwatch(fd int, closed bool)
	// Prepare comes before each Wait. A poller that hands the kernel a list of its own each time copies it here, and
	// says so: a Watch that comes later has to end the wait.
	Prepare() (copied bool)
	// Wait waits for at most limit, or without limit where that is negative, and appends what is ready. Busy asks for
	// a short wait without the scheduler. EINTR is nothing ready.
	Wait(busy bool, limit time.Duration, ready []Event) ([]Event, syscall.Errno)
	Close()
}

// An Event is what a Poller has to say of one descriptor.
type Event struct {
	Fd     int
	Tag    uint32 // as given to Watch; 0 from pollers to which a descriptor is a number, whoever has it
	Ready  Interest
	Done   *Completion // from a Completer: what it has done. It is the Completer's until it is recycled
	conn   *Conn
	driven *driven // the connection's
}

// LoopOptions are what loops differ in beside their Poller.
type LoopOptions struct {
	Name  string                    // of the system call that waits, for errors
	Admit func(fd int) (why string) // why a descriptor cannot be waited for; nil admits all
	Edge  bool                      // readiness is told once, when it comes: read until there is nothing more
	Batch int                       // how many connections are accepted in a turn; 0 is acceptBatch
	Alone bool                      // the loop has a thread of its own, and makes all calls from it
}

// An EventLoop is one flow of control that serves a listener and many connections, in whatever way its Poller waits.
type EventLoop struct {
	ln        *Listener
	count     *Counters
	poller    Poller
	completer Completer // the poller, if it is one
	sender    Sender    // the same
	room      []*outgoing
	opts      LoopOptions
	wake      int // an eventfd
	events    []Event
	buf       []byte
	unread    []*Conn        // those with more to read than one turn takes; only under Edge
	folds     bool           // connections may rest: see slot
	gives     bool           // the completer receives
	awake     []*Conn        // that have had a turn, and may rest then
	idle      []*Conn        // for those that will
	spawn     func(c *Conn)  // starts a connection's fiber, where connections have one; it is driven by the loop
	vacant    chan struct{}  // closed when no fiber's connection is left, and none will come
	flows     sync.WaitGroup // of fibers that have not ended
	late      chan struct{}  // one slot: a fiber can go on, and the loop waits no more
	living    int            // how many those are
	self      uintptr        // the goroutine that runs the loop
	current   *Fiber         // the one that the loop has switched to; its thread has it
	lent      *[]byte        // a buffer for the next fiber that receives
	lentBy    *sync.Pool     // whose that is
	running   atomic.Uintptr // the goroutine that runs on the loop's thread, the loop's or a fiber's; 0 is none

	mu       sync.Mutex
	slots    Table[slot]
	pending  []*Conn  // those that want a turn though nothing is ready
	copied   bool     // what the Poller waits for was fixed when the wait began
	asleep   bool     // the wait has begun, or is about to
	ready    []*Fiber // those that can go on
	driving  int      // connections that have a fiber
	deaf     bool     // nothing more is accepted
	stopping bool
	ended    bool // no connection gets a turn any more
	closed   bool
}

// NewEventLoop makes a loop for a listener. It owns the poller from now on.
func NewEventLoop(ln *Listener, p Poller, o LoopOptions) (*EventLoop, error) {
	l := &EventLoop{ln: ln, count: ln.count, poller: p, opts: o, wake: -1, buf: make([]byte, bufferSize),
		events: make([]Event, 0, 512)}
	l.completer, _ = p.(Completer)
	l.sender, _ = p.(Sender)
	if o.Admit == nil {
		l.opts.Admit = func(int) string { return "" }
	}
	if o.Batch == 0 {
		l.opts.Batch = acceptBatch
	}
	wake, errno := raw.Eventfd()
	if errno != 0 {
		p.Close()
		return nil, &Error{"make a wake-up", "", errno}
	}
	l.wake = wake
	l.slots.Make(wake)
	for _, fd := range []int{wake, ln.fd} {
		if why := l.opts.Admit(fd); why != "" {
			l.close()
			return nil, &Error{o.Name, "", refusal(why)}
		}
		if errno := p.Watch(fd, 0, 0, In); errno != 0 {
			l.close()
			return nil, &Error{o.Name, "", errno}
		}
	}
	ln.hub.has(l)
	return l, nil
}

// A refusal is a descriptor that cannot be waited for: too many files in other words.
type refusal string

func (r refusal) Error() string { return string(r) }

func (refusal) Unwrap() error { return syscall.EMFILE }

// ServeLoops runs the loops of one server until ctx ends.
func ServeLoops(ctx context.Context, ln *Listener, app App, loops ...*EventLoop) error {
	defer CloseLoops(loops...)
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() {
		for _, l := range loops {
			l.stop()
		}
	})
	defer stop()
	own, err := app.Copy()
	if err != nil {
		return err
	}
	failed := make([]error, len(loops))
	var running sync.WaitGroup
	for i, l := range loops {
		running.Add(1)
		Go("an event loop", func() error {
			return own.Run(ctx, func(app *App) error { return RunLoop(ctx, *app, l) })
		}, func(err error) { failed[i] = err; running.Done() })
	}
	running.Wait()
	return errors.Join(failed...)
}

// RunLoop runs one loop on the calling goroutine. As it sometimes waits without the scheduler, which keeps a processor
// busy while it sleeps, it gets one more.
func RunLoop(ctx context.Context, app App, l *EventLoop) error {
	if l.opts.Alone {
		runtime.LockOSThread() // never unlocked: the thread ends with the loop
	}
	raw.MoreProcs(1)
	defer raw.MoreProcs(-1)
	return l.run(ctx, &app)
}

// CloseLoops frees what loops hold that do not run.
func CloseLoops(loops ...*EventLoop) {
	for _, l := range loops {
		l.close()
	}
}

// Rearm changes what a connection is waited for; see Loop.
func (l *EventLoop) Rearm(c *Conn, was, want Interest) syscall.Errno {
	fd := c.Fileno()
	if fd < 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0
	}
	errno := l.poller.Watch(fd, l.slots.At(fd).tag, was, want)
	if l.copied {
		l.rouse()
	}
	return errno
}

// Wake has the loop visit a connection; see Loop.
func (l *EventLoop) Wake(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, c)
	l.rouse()
}

// rouse ends the loop's wait, if it waits; l.mu is held.
func (l *EventLoop) rouse() {
	if l.asleep && !l.closed {
		l.asleep = false
		raw.Notify(l.wake)
	}
}

func (l *EventLoop) isDeaf() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deaf
}

// stop ends the loop's wait because the server's context has ended.
func (l *EventLoop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	l.rouse()
}

// close frees what is the loop's own.
func (l *EventLoop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		raw.Close(l.wake)
		l.poller.Close()
	}
}

// forget empties a closed connection's slot, unless the descriptor is somebody else's already.
func (l *EventLoop) forget(fd int, c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.slots.At(fd); s.conn == c {
		s.conn = nil
		l.poller.Unwatch(fd, true)
		if c.driven != nil && c.driven.adopted {
			l.vacate(1)
		}
	}
}
