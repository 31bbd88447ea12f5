package engines

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Fiber is a flow of control on the thread of its loop. The loop switches to it when it can go on, and it switches back
// where it would wait: directly, without Go's scheduler. So nothing else of the loop's runs while a fiber computes, and a
// fiber must not wait in any way but these: in a Conn's methods, in Aside and in Park.
//
// It is the context of what runs on it.
type Fiber struct {
	context.Context // the server's
	loop            *EventLoop
	self            uintptr // its goroutine; see raw.Self
	next            func() (struct{}, bool)
	back            func(struct{}) bool
	turns           int // since the loop last had a look at the others
	over            bool
	listed          bool // l.mu is held
}

type fiberKey struct{}

// Value returns the fiber itself under its private key.
func (f *Fiber) Value(key any) any {
	if key == (fiberKey{}) {
		return f
	}
	return f.Context.Value(key)
}

// FiberOf is the fiber that the calling goroutine is, if it is one; ctx is what the fiber was given, or is derived from it.
func FiberOf(ctx context.Context) *Fiber {
	f, _ := ctx.Value(fiberKey{}).(*Fiber)
	if f == nil || !f.Here() {
		return nil
	}
	return f
}

// Aside runs do, which may wait for anything. On a fiber others run meanwhile: do is run by a goroutine of its own then.
func Aside(ctx context.Context, do func()) {
	if f := FiberOf(ctx); f != nil {
		f.Aside(do)
	} else {
		do()
	}
}

// Fiber is the fiber that the calling goroutine is, if the connection's calls are made by a loop that switches between
// such; else nil.
func (c *Conn) Fiber() *Fiber {
	if c.driven == nil {
		return nil
	}
	return c.driven.fiber()
}

// Here says whether the calling goroutine is the fiber.
func (f *Fiber) Here() bool { return f.loop.here() && f.loop.current == f }

// Park gives the thread to others until Unpark. It may return early.
func (f *Fiber) Park() { f.back(struct{}{}) }

// Unpark lets the fiber go on that parks, or will park next. Anybody may call it.
func (f *Fiber) Unpark() {
	l := f.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.listed {
		f.listed = true
		l.ready = append(l.ready, f)
		l.rouse()
	}
	if l.ended {
		select {
		case l.late <- struct{}{}:
		default: // it will look at all that are ready
		}
	}
}

// Aside runs do on a goroutine of its own, and gives the thread to others meanwhile. A panic comes out here.
func (f *Fiber) Aside(do func()) {
	var over atomic.Bool
	var crash any
	Go("beside a fiber", func() error {
		defer func() {
			crash = recover()
			over.Store(true)
			f.Unpark()
		}()
		do()
		return nil
	}, func(error) {})
	for !over.Load() {
		f.Park()
	}
	if crash != nil {
		panic(crash)
	}
}

// share counts what the fiber does without having waited, and now and then lets the others have their turn.
func (f *Fiber) share() {
	if f.turns++; f.turns >= readBatch {
		f.Unpark()
		f.Park()
	}
}

// start begins a connection's fiber on the loop's thread; it runs until it waits.
func (l *EventLoop) start(ctx context.Context, d *driven, app *App) {
	d.Context = ctx
	l.living++
	d.next, _ = iter.Pull(func(back func(struct{}) bool) { d.begin(back); d.live(app) })
	l.resume(&d.Fiber)
}

func (f *Fiber) begin(back func(struct{}) bool) {
	f.back, f.self = back, raw.Self()
	f.loop.running.Store(f.self)
}

// live is a connection's life. There may be very many fibers, so the frames that stay while one waits are small and few.
func (d *driven) live(app *App) {
	defer d.end()
	if app.IsLinear() && d.conn.hub.tls == nil {
		d.conn.lineEnded(&d.Fiber, app.Linear(&d.Fiber, d.conn))
	} else {
		d.flow(app)
	}
	d.over = true
}

func (d *driven) flow(app *App) {
	if d.conn.hub.tls != nil { // crypto/tls has locks, for which a fiber must not wait
		d.Aside(func() { Flow(d.Context, d.conn, app) })
	} else {
		Flow(&d.Fiber, d.conn, app)
	}
}

// end is the end of a fiber's goroutine. One that was ended by runtime.Goexit must not go on to end the loop's, which it
// would: it stays where it is.
func (d *driven) end() {
	abandoned := !d.over
	if v := recover(); v != nil {
		abandoned = false
		d.conn.lineEnded(&d.Fiber, &PanicError{v})
	}
	d.over = true
	d.conn.closeDescriptor()
	d.loop.flows.Done()
	for abandoned {
		d.Park()
	}
	d.loop.running.Store(0)
}

// resume switches to a fiber until it waits or ends. Only the loop calls it.
func (l *EventLoop) resume(f *Fiber) {
	if f.over {
		return
	}
	f.turns = 0
	l.current = f
	l.running.Store(f.self)
	f.next()
	l.running.Store(l.self)
	l.current = nil
	if f.over {
		l.living--
	}
}

// goOn resumes those that can go on.
func (l *EventLoop) goOn() {
	l.mu.Lock()
	ready := l.ready
	l.ready = nil
	for _, f := range ready {
		f.listed = false
	}
	l.mu.Unlock()
	for _, f := range ready {
		l.resume(f)
	}
}

// here says whether the calling goroutine is the loop, or a fiber that it has switched to: such a one makes the system
// calls of the loop's connections itself.
func (l *EventLoop) here() bool { return l.running.Load() == raw.Self() }
