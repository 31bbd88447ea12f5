// Package selectmodel is the model of one flow of control that hands the kernel, for each wait, the whole list of what
// it is interested in: select(2), with its real limit. A set has 1024 bits, one for each descriptor from 0 to 1023,
// so a connection that gets a higher one cannot be waited for, however few connections there are.
package selectmodel

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:  "select",
		Style: "event",
		About: "one flow for all connections; each wait hands the kernel the whole list, of descriptors below 1024",
		New:   func(engines.Options) (engines.Engine, error) { return new(loop), nil },
	}
}

// A loop is the engine, and its one flow of control.
type loop struct {
	ln    *engines.Listener
	count *engines.Counters
	wake  int // an eventfd
	buf   []byte
	full  string // why a descriptor is refused, once one was

	mu          sync.Mutex
	read, write raw.FdSet // what is of interest
	conns       [raw.FdSetSize]*engines.Conn
	pending     []*engines.Conn // those that want a turn though nothing is ready
	asleep      bool            // the sets have been handed to the kernel
	stopping    bool
	closed      bool
}

// Prepare makes sure that the listener itself fits into a set.
func (l *loop) Prepare(ln *engines.Listener) error {
	wake, errno := raw.Eventfd()
	if errno != 0 {
		return &engines.Error{Op: "make a wake-up", Err: errno}
	}
	l.ln, l.count, l.wake, l.buf = ln, ln.Counters(), wake, make([]byte, 64<<10)
	if fd := max(wake, ln.Fileno()); fd >= raw.FdSetSize {
		l.close()
		return fmt.Errorf("%s: %w", tooHigh(fd), syscall.EMFILE)
	}
	l.read.Set(wake)
	l.read.Set(ln.Fileno())
	return nil
}

// Serve runs the loop. As it sometimes waits without the scheduler, it gets a processor of its own.
func (l *loop) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	raw.MoreProcs(1)
	defer raw.MoreProcs(-1)
	defer l.close()
	defer ln.Close()
	stop := context.AfterFunc(ctx, l.wakeUp)
	defer stop()
	return l.run(ctx, &app)
}
