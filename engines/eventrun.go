package engines

import (
	"context"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// acceptBatch is how many connections are accepted before those that are open get their turn again.
const acceptBatch = 64

// readBatch is how often an edge-triggered connection reads before the others get their turn again.
const readBatch = 16

// run is the loop.
func (l *EventLoop) run(ctx context.Context, app *App) error {
	l.folds = app.Forgets && l.spawn == nil
	l.gives = l.completer != nil && !app.readsItself()
	if l.completer != nil {
		if errno := l.completer.Begin(); errno != 0 {
			return &Error{l.opts.Name, "", errno}
		}
		defer l.completer.Finish()
	}
	defer l.end(app)
	busy, listening := false, true
	for ctx.Err() == nil {
		pause := l.ln.Pause()
		if wanted := pause == 0 && !l.isDeaf(); listening != wanted {
			listening = wanted
			l.listen(listening)
		}
		errno := l.wait(busy, pause)
		if errno != 0 && errno != syscall.EINTR {
			return &Error{l.opts.Name, "", errno}
		}
		raw.Safepoint()
		busy = len(l.events) > 0
		if len(l.events) > 1 || busy && l.events[0].Fd != l.wake { // nsh's own poke is nothing that was ready
			l.count.Wakeups.Add(1)
		}
		for i := range l.events {
			l.dispatch(&l.events[i], app)
		}
		l.visit(app)
	}
	return nil
}

// listen waits for the listener, or leaves it out while nothing can be accepted.
func (l *EventLoop) listen(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.poller.Watch(l.ln.fd, 0, 0, In)
	} else {
		l.poller.Unwatch(l.ln.fd, false)
	}
}

// briefly is how long a wait without the scheduler may take: longer than the kernel's tick of 4 ms, since a timer that is
// due before that has the clock set anew, twice for each wait, which costs as much as a message on a virtual machine; and
// shorter than the 10 ms after which Go's runtime interrupts whoever has not come back. What has to stop the loop before,
// a collection above all, does so with a signal.
const briefly = 5 * time.Millisecond

// wait waits without the scheduler while there is traffic, but only briefly; and as long as it takes once a wait has found
// nothing. So an idle loop stands in nobody's way. What changes before the wait must not be slept over, and what changes
// from then on ends it.
func (l *EventLoop) wait(busy bool, pause time.Duration) (errno syscall.Errno) {
	l.mu.Lock()
	l.fold()
	l.copied = l.poller.Prepare()
	l.asleep = len(l.pending) == 0 && len(l.unread) == 0 && len(l.ready) == 0 && !l.stopping
	limit := time.Duration(-1)
	switch {
	case !l.asleep:
		busy, limit = true, 0
	case busy:
		limit = briefly
	case pause > 0:
		limit = pause
	}
	l.mu.Unlock()
	l.count.Syscalls.Add(1)
	l.events, errno = l.poller.Wait(busy, limit, l.events[:0])
	l.own()
	return errno
}

// own finds whose the events are, and looks at each of these connections once: so the processor fetches all of them at the
// same time.
func (l *EventLoop) own() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asleep = false
	for i := range l.events {
		ev := &l.events[i]
		if ev.Done != nil && ev.Done.Sent {
			l.sender.Sent(ev.Fd, ev.Tag)
		}
		if s := l.slots.At(ev.Fd); s != nil && (ev.Tag == 0 || ev.Tag == s.tag) {
			if ev.conn = l.rise(ev.Fd, s); ev.conn != nil {
				ev.driven = ev.conn.driven
			}
		}
	}
}

// dispatch handles one event. Its connection may have been closed by the turn of another one meanwhile.
func (l *EventLoop) dispatch(ev *Event, app *App) {
	c, driven := ev.conn, ev.driven
	ev.conn, ev.driven = nil, nil
	switch {
	case ev.Done != nil:
		l.complete(ev, c, app)
	case driven != nil:
		driven.told(ev.Ready)
	case c != nil:
		l.turn(c, ev.Fd, ev.Ready, app)
	case ev.Fd == l.ln.fd && l.ln.Datagrams():
		l.ln.handleDatagrams(app, l.buf)
	case ev.Fd == l.ln.fd:
		l.accept(app)
	case ev.Fd == l.wake:
		raw.Drain(l.wake)
	}
}

// turn gives a connection its turn, and where readiness is told only once, further ones until nothing is left to read.
func (l *EventLoop) turn(c *Conn, fd int, ready Interest, app *App) {
	if !c.Turn(app, ready, l.buf) {
		l.forget(fd, c)
		return
	}
	if !l.opts.Edge || app.readsItself() {
		return // a handler that reads for itself has to see what comes of not reading
	}
	for n := 1; c.unfinished(); n++ {
		if n == readBatch {
			l.unread = append(l.unread, c)
			return
		}
		if !c.Turn(app, In, l.buf) {
			l.forget(fd, c)
			return
		}
	}
}

// accept takes what waits in the listener's queue.
func (l *EventLoop) accept(app *App) {
	for range l.opts.Batch {
		c, err := l.ln.accept(l)
		if err != nil {
			return // the queue is empty, or there is a pause; the rest is told of again
		}
		if why := l.opts.Admit(c.fd); why != "" {
			l.ln.Refuse(c, why)
			continue
		}
		l.take(c, app)
	}
}

// take makes the loop the one of a connection just accepted.
func (l *EventLoop) take(c *Conn, app *App) {
	fd := c.fd
	l.mu.Lock()
	s := l.slots.Make(fd)
	if s.tag++; s.tag == 0 {
		s.tag = 1
	}
	s.conn, s.id = c, 0
	l.rise(fd, s)
	driven := c.driven != nil && l.adopt(c, fd)
	l.mu.Unlock()
	switch {
	case c.driven == nil:
		if !c.Begin(l, app) {
			l.forget(fd, c)
		}
	case driven:
		l.spawn(c)
	default:
		c.closeDescriptor()
	}
}

// visit gives a turn to those that asked for one, and to those that had not read all.
func (l *EventLoop) visit(app *App) {
	l.mu.Lock()
	pending := l.pending
	l.pending = nil
	l.mu.Unlock()
	for _, c := range pending {
		if c.driven != nil {
			c.driven.serve(0)
			continue
		}
		fd := c.Fileno()
		if !c.Turn(app, 0, l.buf) && fd >= 0 {
			l.forget(fd, c)
		}
	}
	l.goOn()
	unread := l.unread
	l.unread = nil
	for _, c := range unread {
		if fd := c.Fileno(); fd >= 0 && c.unfinished() {
			l.turn(c, fd, In, app)
		}
	}
}

// end closes every connection.
func (l *EventLoop) end(app *App) {
	l.settle(app)
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.visit(app) // what was asked for before
	l.slots.Each(func(fd int, s *slot) {
		l.mu.Lock()
		l.fold() // so that the one before has left its Conn
		c := l.rise(fd, s)
		l.mu.Unlock()
		switch {
		case c == nil:
			return
		case c.driven != nil:
			c.closeDescriptor()
		default:
			c.End(app)
		}
		l.forget(fd, c)
	})
}
