// Package process is the oldest model: a child process for each connection. The parent accepts, hands the connection
// over, closes its own copy and waits for the child's end.
//
// What a C server gets from fork alone, a Go program has in two ways. The native handlers echo and discard run in a
// child of fork without exec, which shares the parent's memory until one of them writes. All others run in this program
// started again; two such children stand ready, so that no connection waits for an exec, and each gets a copy of what
// its handler reaches when the connection is accepted.
package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"golang.org/x/sys/unix"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:   "process",
		Style:  "linear",
		Linear: true,
		Apart:  true,
		About:  "a child process for each connection, which shares no memory with the script",
		New:    func(o engines.Options) (engines.Engine, error) { return &engine{opts: o}, nil },
		Probe:  child.Probe,
	}
}

type engine struct {
	opts   engines.Options
	family *child.Family
	ln     *engines.Listener
	recipe *engines.Recipe

	mu     sync.Mutex
	copies []int // of connections that the parent should have closed
}

// Prepare makes what children share with their parent.
func (e *engine) Prepare(ln *engines.Listener) (err error) {
	if e.family, err = child.NewFamily(e.opts.LeaveZombies); err == nil {
		ln.Also(e.family.Table.Add)
	}
	return err
}

// Serve accepts, and gives each connection a child.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	e.ln, e.recipe = ln, app.Recipe
	if e.recipe.Bare != "" {
		err := e.serveForks(ctx)
		ln.Close()
		return errors.Join(err, e.end())
	}
	nursery := newNursery(ctx, e.family, e.recipe, ln)
	for {
		c, err := ln.WaitAccept(ctx)
		if err != nil {
			break // the stop: WaitAccept has no other error
		}
		err = e.hand(ctx, c, nursery)
		if err != nil && ctx.Err() == nil {
			ln.Refuse(c, "no process for the connection: "+err.Error())
		} else if err != nil {
			c.Close()
		}
	}
	ln.Close()
	nursery.close()
	return e.end()
}

// end ends the children, and closes what the parent has kept.
func (e *engine) end() error {
	err := e.family.End(e.ln.Log)
	e.mu.Lock()
	for _, fd := range e.copies {
		syscall.Close(fd)
	}
	e.mu.Unlock()
	return err
}

// hand gives a connection to a child that stands ready. One that has died meanwhile is no reason to refuse it.
func (e *engine) hand(ctx context.Context, c *engines.Conn, n *nursery) error {
	packed, err := e.recipe.Packed()
	if err != nil {
		return err
	}
	for {
		kid, err := n.take(ctx)
		if err != nil {
			return err
		}
		w, err := e.work()
		if err != nil {
			kid.Kill(syscall.SIGKILL)
			return err
		}
		if !kid.Engage(w) {
			e.family.Table.Fold(w.Row, e.ln.Counters())
			continue
		}
		e.ln.Counters().Processes.Add(1)
		err = kid.Connection(c.Fileno(), packed, e.ln.SendLimit())
		if err == nil {
			e.passed(c)
			return nil
		}
		if !kid.Dismiss() { // killed at this moment, and the connection counts as its own
			e.passed(c)
			return nil
		}
		e.undo(w)
		kid.Kill(syscall.SIGKILL)
		if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
			return err
		}
	}
}

// work is what a child for a connection is told.
func (e *engine) work() (*child.Work, error) {
	row, err := e.family.Table.Take()
	return &child.Work{Row: row, Heard: e.recipe.Heard, Fail: e.ln.BlameText,
		Log: func(text string) { e.ln.Log("%s", text) }, Gone: func(c *child.Child) { e.gone(c, row) }}, err
}

func (e *engine) undo(w *child.Work) {
	e.ln.Counters().Processes.Add(-1)
	e.family.Table.Fold(w.Row, e.ln.Counters())
}

// passed closes the parent's copy of a connection. As long as there is one, the client sees no end, whatever the child
// does: the connection is open until its last descriptor is closed.
func (e *engine) passed(c *engines.Conn) {
	fd := c.Detach()
	if !e.opts.KeepParentCopy {
		syscall.Close(fd)
		return
	}
	e.mu.Lock()
	e.copies = append(e.copies, fd)
	e.mu.Unlock()
}

// gone counts the end of a child.
func (e *engine) gone(c *child.Child, row int) {
	why := c.Why()
	switch code := c.Code(); {
	case why != "":
		e.ln.BlameText("a child " + why + ", and its connection ended with it")
		e.ln.Log("child %d %s; its connection ended with it, and the server goes on", c.Pid(), why)
	case e.recipe.Bare != "" && code != 0:
		e.ln.Blame(syscall.Errno(code)) // all that such a child can say
	}
	count := e.ln.Counters()
	e.ln.Account(func() {
		e.family.Table.Fold(row, count)
		count.Processes.Add(-1)
		count.Closed.Add(1)
	})
}

var errNotReady = errors.New("the child did not get ready")

func notReady(c *child.Child) error {
	if why := c.Why(); why != "" {
		return fmt.Errorf("%w: it %s", errNotReady, why)
	}
	return fmt.Errorf("%w: it ended with code %d", errNotReady, c.Code())
}
