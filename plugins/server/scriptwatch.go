package server

import (
	"context"
	"errors"
	"time"

	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// A look at the engine is taken every so often.
const (
	lookEvery = 250 * time.Millisecond
	patience  = 4                      // looks at an engine that computes, or accepts nobody
	computing = 800 * time.Millisecond // of processor time, in those looks: a busy machine stands still, too
	idleCalls = 500                    // that find nothing, in one look, of an engine that does not wait
)

// watch waits for the end of run and says what was wrong about it: nil after a stop. Meanwhile it looks whether run does
// what an engine has to.
func (r *scriptRun) watch(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	w := watched{r: r}
	for {
		select {
		case err := <-r.over:
			if ctx.Err() != nil {
				return nil
			}
			return r.why(err)
		case <-ctx.Done():
			r.stopped()
			return nil
		case <-ticker.C:
			if !w.computes() {
				w.polls()
				w.ignores()
				continue
			}
			return r.interrupt()
		}
	}
}

// why puts an end that nobody has asked for in words.
func (r *scriptRun) why(err error) error {
	var script *lua.ScriptError
	switch {
	case errors.As(err, &script):
		return &engineError{script.Error()}
	case err != nil:
		return &engineError{"run was ended: " + err.Error()}
	}
	return &engineError{"run returned (" + r.def.where() + ") though nobody had stopped the server; it has to go on until listener:accept() gives nil"}
}

// interrupt ends a run that keeps the baton.
func (r *scriptRun) interrupt() error {
	r.cancel()
	r.scope.Close() // a fiber of run's may be what computes
	where := r.def.where()
	select {
	case err := <-r.over:
		r.over <- err
		var stop *lua.StoppedError
		if errors.As(err, &stop) && stop.Where != "" {
			where = stop.Where
		}
	case <-time.After(flowGrace):
	}
	return &engineError{where + ": run computed for a second without waiting for anything, and nothing else in the script could run; wait with sys.select, sys.poll, sys.epoll or listener:accept()"}
}

// watched is what was seen of an engine so far.
type watched struct {
	r                    *scriptRun
	turns                uint64
	since                time.Duration // the processor time when run was last seen doing something else
	still, ignored       int           // looks
	found, nothing       int64
	polled, told, served bool
}

// computes says whether run has held the baton through some looks.
func (w *watched) computes() bool {
	turns := w.r.world.Turns()
	if turns == w.turns && w.r.world.Computes(w.r.scope) {
		w.still++
	} else {
		w.still, w.since = 0, processorTime()
	}
	w.turns = turns
	return w.still >= patience && processorTime()-w.since >= computing
}

// processorTime is what the process has used.
func processorTime() time.Duration {
	var usage unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// polls tells, once, of an engine that asks again and again and never waits.
func (w *watched) polls() {
	found, nothing := w.r.l.found.Load(), w.r.l.nothing.Load()
	if n := nothing - w.nothing; !w.polled && found == w.found && n > idleCalls {
		w.polled = true
		w.r.explain("run asks without waiting: %d calls in %v found nothing; a wait without a timeout, for the listener and what each conn:wants(), ends when there is something", n, lookEvery)
	}
	w.found, w.nothing = found, nothing
}

// ignores tells, once, of an engine that accepts nobody.
func (w *watched) ignores() {
	if w.told || w.served {
		return
	}
	st := w.r.l.ln.Stats()
	switch {
	case st.Accepted > 0:
		w.served = true
	case st.Queued == 0:
		w.ignored = 0
	default:
		w.ignored++
	}
	if w.ignored >= patience {
		w.told = true
		w.r.explain("run accepts nobody: connections wait in the queue (%d), and listener:accept() has taken none", st.Queued)
	}
}
