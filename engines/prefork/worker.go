package prefork

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// How long to wait before a worker that did not live long is replaced, and how long is long.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
	longLife   = time.Second
	patience   = 20 * time.Second
)

// keep has one worker, and another one when it dies.
func (e *engine) keep(ctx context.Context, i int) {
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := e.worker(ctx, i)
		if ctx.Err() != nil {
			return
		}
		e.ln.BlameText(err.Error())
		if time.Since(began) > longLife {
			pause = firstPause
		}
		timer := time.NewTimer(pause)
		pause = min(2*pause, lastPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// worker is the life of one worker; the error says how it ended.
func (e *engine) worker(ctx context.Context, i int) error {
	if e.recipe.Bare != "" && !e.loops {
		return e.fork(i)
	}
	kid, err := e.family.Start(e.recipe.Args, e.recipe.Setup)
	if err != nil {
		return fmt.Errorf("a worker could not be started: %w", err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-kid.Ready():
		if err = e.employ(kid, i); err == nil {
			<-kid.Ended()
			return e.ended(kid)
		}
	case <-kid.Ended():
		err = e.ended(kid)
	case <-timer.C:
		err = fmt.Errorf("a worker did not get ready in %v", patience)
	case <-ctx.Done():
		err = ctx.Err()
	}
	kid.Kill(syscall.SIGKILL)
	return err
}

// fork has a worker for a native handler, which needs no Go and no Lua: a child of fork that only makes system calls.
// Such a worker is stopped by a kill.
func (e *engine) fork(i int) error {
	w := e.work(i)
	w.Blame = func(errno syscall.Errno) { e.ln.Blame(errno) }
	w.Refused = func(errno syscall.Errno) {
		text := engines.RefusedText(errno)
		e.ln.BlameText(text)
		e.relay(text)
	}
	alive := &e.ln.Counters().Processes
	alive.Add(1)
	kid, err := e.family.ForkWorker(e.ln.Fileno(), e.recipe.Bare == "discard", w)
	if err != nil {
		alive.Add(-1)
		return fmt.Errorf("a worker could not be started: %w", err)
	}
	<-kid.Ended()
	return e.ended(kid)
}

// work is what a worker is told.
func (e *engine) work(i int) *child.Work {
	return &child.Work{Row: e.rows[i], Heard: e.recipe.Heard, Fail: e.ln.BlameText, Log: e.relay,
		Gone: func(*child.Child) { e.ln.Counters().Processes.Add(-1); e.settle(i) }}
}

// employ gives a worker the listener.
func (e *engine) employ(kid *child.Child, i int) error {
	packed, err := e.recipe.Packed()
	if err != nil {
		return err
	}
	alive := &e.ln.Counters().Processes
	alive.Add(1)
	if !kid.Engage(e.work(i)) {
		alive.Add(-1)
		return e.ended(kid)
	}
	if e.loops {
		return kid.Loop(e.ln.Fileno(), packed, e.ln.SendLimit())
	}
	return kid.Listener(e.ln.Fileno(), packed, e.ln.SendLimit())
}
