package shell

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/lua"
)

// A guard turns signals into orderly ends. Ctrl-C cancels what runs; SIGTERM and SIGHUP end nsh.
type guard struct {
	restore func() // the terminal; for when the orderly end does not come
	signals chan os.Signal
	pipes   chan os.Signal

	mu     sync.Mutex
	cancel func() // what Ctrl-C does; nil at the prompt
	stop   func() // ends what runs now
	typing func() // drops the line that is typed; nil where there is no prompt (yet)
	hangUp func() // ends the waiting for a line
	early  bool   // Ctrl-C came while nothing ran yet that it could end
	code   int    // the exit code that a signal asked for; 0 is none
}

// grace is how long an orderly end may take after a signal that asked for it.
const grace = 4 * time.Second

func newGuard() *guard {
	g := &guard{signals: make(chan os.Signal, 4), pipes: make(chan os.Signal, 1), restore: func() {}, hangUp: func() {}}
	notify(g.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// With a handler, writing to a closed pipe is an error like any other, and the world ends in order. Ignoring the
	// signal would do that, too, but programs that a script starts would inherit it.
	signal.Notify(g.pipes, syscall.SIGPIPE)
	lua.Go("signals", nil, g.watch)
	return g
}

// notify is signal.Notify but for what was ignored when nsh was started: nohup means it.
func notify(c chan<- os.Signal, signals ...os.Signal) {
	signals = slices.DeleteFunc(signals, func(s os.Signal) bool { return signal.Ignored(s) })
	if len(signals) > 0 { // none would be all
		signal.Notify(c, signals...)
	}
}

func (g *guard) watch() {
	for s := range g.signals {
		number, _ := s.(syscall.Signal)
		if number == syscall.SIGINT {
			g.interrupt()
			continue
		}
		g.end(128 + int(number))
	}
}

// interrupt is Ctrl-C: it ends what runs, or is about to, or the line that is typed, and never the prompt.
func (g *guard) interrupt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.cancel != nil:
		g.cancel()
	case g.typing != nil:
		g.typing()
	default:
		g.early = true
	}
}

// end asks for the end with an exit code, and makes sure of it.
func (g *guard) end(code int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.code == 0 {
		g.code = code
		time.AfterFunc(grace, func() {
			g.restore()
			os.Exit(code)
		})
	}
	if g.stop != nil {
		g.stop()
	}
	g.hangUp()
}

// running says what Ctrl-C and the other signals end from now on; nil is nothing.
func (g *guard) running(cancel func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel, g.stop = cancel, cancel
	if cancel != nil && (g.code != 0 || g.early) {
		g.early = false
		cancel()
	}
}

// closing says what another Ctrl-C does while the world is being closed.
func (g *guard) closing(hurry func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel, g.stop = hurry, nil
	if g.early {
		hurry()
	}
}

// editing says how the prompt's waiting is ended, and how its terminal is restored.
func (g *guard) editing(e lineEditor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.typing, g.hangUp, g.restore, g.early = e.Interrupt, e.HangUp, e.Close, false
	if g.code != 0 {
		e.HangUp()
	}
}

// asked is the exit code that a signal asked for, or 0.
func (g *guard) asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.code
}

func (g *guard) close() {
	signal.Stop(g.signals)
	signal.Stop(g.pipes)
	close(g.signals)
}
