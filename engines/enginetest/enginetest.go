// Package enginetest is the conformance suite that every server model passes. It needs little of what it tests: a
// function that starts a server with an App, and three methods of the running server. The rows know nothing of Go's
// testing package, so that a script can run them on a model of its own; Run wraps them as subtests.
package enginetest

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
)

// A Running is a server at work.
type Running interface {
	Addr() netip.AddrPort
	Stats() engines.Stats
	Stop() error // when it returns, everything is closed
}

// A Starter starts a server of the model under test.
type Starter func(ctx context.Context, app engines.App) (Running, error)

// Start is the Starter of a Model.
func Start(model engines.Model) Starter { return StartWith(model, engines.Config{}) }

// StartWith is the Starter of a Model with options.
func StartWith(model engines.Model, cfg engines.Config) Starter {
	return func(ctx context.Context, app engines.App) (Running, error) {
		return engines.Start(ctx, model, cfg, app)
	}
}

// A Promise is what a model says of itself, as far as the rows depend on it.
type Promise struct {
	Linear bool // it runs linear handlers
	Events bool // it runs event handlers; all of nsh's own do
	Apart  bool // handlers run in processes of their own: what they share with the rows, they are told and tell
	Crowd  int  // how many connections it serves at once
	Is     func(ctx context.Context, start Starter) error
}

// A Row is one thing that has to hold. Run returns nil when it does, and otherwise says what was seen.
type Row struct {
	Name string
	What string
	Run  func(ctx context.Context, start Starter) error
}

// RowLimit is how long a row may take.
const RowLimit = 30 * time.Second

// Rows lists the rows for a model that promises p.
func Rows(p Promise) []Row {
	rows := []Row{
		{"echo", "what is sent comes back, small and large", both(p, echoRow)},
		{"crowd", "many connections from another process are open at once, and all are served", both(p, crowd(p.Crowd))},
		{"half-close", "a client that has ended its direction still gets all of its answer", both(p, halfCloseRow)},
		{"slow reader", "a client that never reads costs bounded memory and holds up nobody else", both(p, slowReader(p))},
		{"reset", "a reset by the peer ends one connection and is seen as ECONNRESET", both(p, resetRow)},
		{"8 MiB", "8 MiB written in uneven pieces come back intact", both(p, largeRow)},
		{"failing handler", "an error or a panic in a handler ends only its own connection, and is counted", failingRow(p)},
		{"stop", "a stop closes the listener and every connection, in under a second", both(p, stopRow(p))},
		{"nothing left", "descriptors, goroutines, threads and children are back to where they were", both(p, leftRow(p))},
		{"collections", "garbage collections get through while the server sleeps and while it works", both(p, collectionsRow)},
	}
	if p.Events {
		rows = append(rows,
			Row{"back-pressure", "a Send past the limit is refused whole, Writable follows, and nothing is lost", pressureRow(p)},
			Row{"graceful close", "what was queued before Close arrives before the end", gracefulRow(p)},
			Row{"readable", "a handler that reads for itself gets EAGAIN when there is nothing more", readableRow(p)})
	}
	if p.Events && p.Crowd > 1 && !p.Apart {
		rows = append(rows, Row{"send across", "one connection's handler sends on another connection", acrossRow})
	}
	if p.Is != nil {
		rows = append(rows, Row{"is what it says", "seen from outside, the model is what its name says", p.Is})
	}
	return rows
}

// RowGrace is how long a row may take beyond its limit, to stop what it has started and to see that all is given back.
const RowGrace = 10 * time.Second

// Check runs the row, and says what was seen if it does not hold, or what was left behind. A row that does not end by
// itself is left alone after limit and RowGrace, with its servers stopped.
func (r Row) Check(ctx context.Context, limit time.Duration, start Starter) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var mu sync.Mutex
	var started []Running
	noting := func(ctx context.Context, app engines.App) (Running, error) {
		s, err := start(ctx, app)
		if err == nil {
			mu.Lock()
			started = append(started, s)
			mu.Unlock()
		}
		return s, err
	}
	before := takeCensus()
	done := make(chan error, 1)
	engines.Go("the row "+r.Name, func() error { return r.Run(ctx, noting) }, func(err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-time.After(limit + RowGrace):
		mu.Lock()
		defer mu.Unlock()
		for _, s := range started {
			s.Stop()
		}
		return fmt.Errorf("no end after %v", limit+RowGrace)
	}
	if err := before.restored(ctx); err != nil {
		return wrap("left behind", err)
	}
	return nil
}

// both runs a row with the event form of an App and with the linear one, as far as the model has them.
func both(p Promise, row func(ctx context.Context, start Starter, apps kit) error) func(context.Context, Starter) error {
	return func(ctx context.Context, start Starter) error {
		if p.Events {
			if err := row(ctx, start, p.kit(false)); err != nil {
				return wrap("event handlers", err)
			}
		}
		if p.Linear {
			if err := row(ctx, start, p.kit(true)); err != nil {
				return wrap("linear handlers", err)
			}
		}
		return nil
	}
}
