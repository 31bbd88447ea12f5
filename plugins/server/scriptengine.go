package server

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A scriptEngine is an Engine whose Serve is a function of the script's.
type scriptEngine struct {
	def      *definition
	world    *lua.World
	listener chan *Listener // one, when Serve has made it
	early    chan error     // how run ended before it had used the listener
	begun    chan struct{}  // closed when Started has returned
}

func newScriptEngine(d *definition, w *lua.World) *scriptEngine {
	return &scriptEngine{def: d, world: w, listener: make(chan *Listener, 1), early: make(chan error, 1), begun: make(chan struct{})}
}

// An engineError is what is wrong with an engine of the script's.
type engineError struct{ text string }

func (e *engineError) Error() string { return e.text }

// The parts of the second that a stop may take.
const (
	runGrace   = 450 * time.Millisecond // for run to see that accept gives nothing any more
	flowGrace  = 150 * time.Millisecond // for the handlers to end
	fiberGrace = 100 * time.Millisecond // for the fibers of run to end
)

// startGrace is how long server.start waits for run to use its listener.
const startGrace = 3 * time.Second

// Started waits until run uses its listener, so that a mistake in its first lines is the error of server.start.
func (e *scriptEngine) Started(ctx context.Context) error {
	defer close(e.begun)
	l := <-e.listener
	timer := time.NewTimer(startGrace)
	defer timer.Stop()
	select {
	case <-l.touched:
	case err := <-e.early:
		return err
	case <-timer.C:
	case <-ctx.Done(): // which is also how the server ends when run has
		select {
		case err := <-e.early:
			return err
		default:
		}
	}
	return nil
}

// Serve runs run.
func (e *scriptEngine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	defer ln.Close()
	l := newListener(ctx, e.def, ln, app)
	e.listener <- l
	defer plugins.Announce(e.world, ln.Fileno(), l)()
	r := e.start(l)
	defer r.end()
	err := r.watch(ctx)
	if err == nil {
		return nil
	}
	select {
	case <-l.touched:
	default:
		select {
		case <-e.begun:
		default:
			e.early <- err
			return nil
		}
	}
	ln.Blame(err)
	return fmt.Errorf("model %q has ended: %w", e.def.name, err)
}

// A scriptRun is one call of run.
type scriptRun struct {
	*scriptEngine
	l      *Listener
	scope  *lua.Scope // of what run opens and starts
	cancel context.CancelFunc
	over   chan error // how it ended
}

func (e *scriptEngine) start(l *Listener) *scriptRun {
	ctx, cancel := context.WithCancel(context.Background())
	r := &scriptRun{scriptEngine: e, l: l, scope: lua.NewScope(ctx, nil), cancel: cancel, over: make(chan error, 1)}
	env := e.def.Run.Env().Under(ctx).WithScope(r.scope)
	handler := l.handler()
	engines.Go("an engine in Lua", func() error {
		_, err := e.def.Run.Call(env, l, handler)
		return err
	}, func(err error) { r.over <- err })
	return r
}

// stopped is the end of run after the server's: first of its own accord, then not.
func (r *scriptRun) stopped() {
	// Shut down, the listener is readable for whoever waits for it, in whatever way, and accept says EINVAL.
	raw.Shutdown(r.l.ln.Fileno(), syscall.SHUT_RDWR)
	select {
	case err := <-r.over:
		r.over <- err
		return
	case <-time.After(runGrace):
	}
	r.cancel()
	var stop *lua.StoppedError
	where := ""
	select {
	case err := <-r.over:
		r.over <- err
		if errors.As(err, &stop) && stop.Where != "" {
			where = " (it was at " + stop.Where + ")"
		}
	case <-time.After(flowGrace):
	}
	r.explain("run did not return when the server stopped, and was ended%s: it has to when listener:accept() gives nil", where)
}

// end ends what run has left: the handlers in its fibers and coroutines, the fibers, the connections.
func (r *scriptRun) end() {
	r.l.stop()
	r.cancel()
	for _, env := range r.l.working() {
		env.Abandon()
	}
	r.await(flowGrace, func() bool { return len(r.l.working()) == 0 })
	r.scope.Close()
	r.await(fiberGrace, func() bool { return r.world.FibersOf(r.scope) == 0 })
	if r.l.event {
		for _, c := range r.l.ln.Conns() {
			c.End(&r.l.app)
		}
	}
}

// await waits for a state.
func (r *scriptRun) await(limit time.Duration, holds func() bool) {
	for until := time.Now().Add(limit); !holds() && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
}

// explain counts what is wrong with the engine, and says it.
func (r *scriptRun) explain(format string, args ...any) {
	err := &engineError{fmt.Sprintf(format, args...)}
	r.l.ln.Blame(err)
	r.l.ln.Log("model %q: %v", r.def.name, err)
}

// working are the calls of handlers that have not returned.
func (l *Listener) working() (list []*lua.Env) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, env := range l.flows {
		list = append(list, env)
	}
	for env := range l.asked {
		list = append(list, env)
	}
	return list
}
