// Package prefork is the model of the early web servers: n processes, started before anybody comes, share the listening
// socket. Each accepts for itself and serves one connection to its end before it accepts the next.
//
// All of them sleep in accept(2), a blocking one, as the classic has it: the kernel wakes one for each connection, the
// one that has slept longest (the wait in inet_csk_accept is exclusive). A wait with select or poll before a non-blocking
// accept would wake them all.
//
// Each worker has copies of what the handlers reach, made when it is started, and keeps them from one of its connections
// to the next. Those of a native handler have nothing to copy, and no Go: they are made by fork without exec.
package prefork

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:       "prefork",
		Style:      "linear",
		Linear:     true,
		Apart:      true,
		About:      "n processes that share the listening socket, each asleep in accept(2); a connection at a time for each",
		Workers:    usualWorkers,
		MaxWorkers: mostWorkers,
		New:        func(o engines.Options) (engines.Engine, error) { return newEngine(o) },
		Probe:      child.Probe,
	}
}

// LoopModel is what web servers have become: each worker is an epoll loop with many connections. It holds more than one
// process has descriptors for: a worker that has none left accepts no more, and the others do.
func LoopModel() engines.Model {
	m := Model()
	m.Name, m.Style, m.Linear = "prefork-epoll", "event", false
	m.About = "n processes that share the listening socket, each an epoll loop: as many connections as all their descriptors"
	m.Workers = runtime.NumCPU()
	m.New = func(o engines.Options) (engines.Engine, error) {
		e, err := newEngine(o)
		if err == nil {
			e.loops = true
		}
		return e, err
	}
	return m
}

const (
	usualWorkers = 4
	mostWorkers  = 256
)

// engine is a server of this model at work.
type engine struct {
	n      int
	loops  bool // each worker is an event loop
	family *child.Family
	ln     *engines.Listener
	recipe *engines.Recipe
	mu     sync.Mutex
	said   map[string]time.Time // what workers have said, and when
	rows   []int                // of the workers in the table of counters; a worker's successor has its row
}

func newEngine(o engines.Options) (*engine, error) {
	n := o.Workers
	if n == 0 {
		n = usualWorkers
	}
	if n < 0 || n > mostWorkers {
		return nil, fmt.Errorf("workers: 1 to %d, not %d", mostWorkers, n)
	}
	return &engine{n: n}, nil
}

// Prepare makes what workers share with their parent.
func (e *engine) Prepare(ln *engines.Listener) (err error) {
	if e.family, err = child.NewFamily(false); err != nil {
		return err
	}
	for range e.n {
		row, _ := e.family.Table.Take() // there are more rows than workers may be
		e.rows = append(e.rows, row)
	}
	ln.Also(e.add)
	return nil
}

// add adds what the workers have counted.
func (e *engine) add(s *engines.Stats) {
	e.family.Table.Add(s)
	s.ByWorker = nil
	for _, row := range e.rows {
		c := e.family.Table.Row(row)
		s.Closed += c.Closed.Load() // before Accepted, so that no connection counts as closed only
		accepted := c.Accepted.Load()
		s.Accepted += accepted
		s.ByWorker = append(s.ByWorker, accepted)
	}
}

// Serve keeps n workers alive.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	e.ln, e.recipe = ln, app.Recipe
	// The flag belongs to the open socket, which all share. Nobody here accepts.
	if err := syscall.SetNonblock(ln.Fileno(), e.loops); err != nil {
		return errors.Join(err, e.family.End(ln.Log))
	}
	var all sync.WaitGroup
	for i := range e.n {
		all.Add(1)
		engines.Go(fmt.Sprintf("worker %d", i+1), func() error { e.keep(ctx, i); return nil }, func(error) { all.Done() })
	}
	<-ctx.Done()
	ln.Close()
	err := e.family.End(ln.Log)
	all.Wait()
	return err
}

// relay says what a worker has to say. What others have said just before, a person knows.
func (e *engine) relay(text string) {
	e.mu.Lock()
	again := time.Since(e.said[text]) < quiet
	if !again {
		if e.said == nil {
			e.said = map[string]time.Time{}
		}
		e.said[text] = time.Now()
	}
	e.mu.Unlock()
	if !again {
		e.ln.Log("%s", text)
	}
}

// quiet is how long the same words are not said again.
const quiet = time.Minute

// settle closes the account of a worker that has ended: what it had open was closed with it.
func (e *engine) settle(i int) {
	row := e.family.Table.Row(e.rows[i])
	e.ln.Account(func() {
		row.Closed.Store(row.Accepted.Load())
		row.Unsent.Store(0)
	})
}

// ended says how a worker ended.
func (e *engine) ended(kid *child.Child) error {
	if why := kid.Why(); why != "" {
		e.ln.Log("worker %d %s; another one takes its place", kid.Pid(), why)
		return fmt.Errorf("a worker %s and was replaced", why)
	}
	return fmt.Errorf("a worker ended (exit code %d) and was replaced", kid.Code())
}
