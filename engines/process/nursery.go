package process

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// A nursery has children standing ready for connections.
type nursery struct {
	ctx    context.Context
	cancel context.CancelFunc
	family *child.Family
	recipe *engines.Recipe
	ln     *engines.Listener
	idle   chan *child.Child
	failed chan error
	over   sync.WaitGroup
}

const (
	standing   = 2                    // children that stand ready, and are started at the same time
	patience   = 20 * time.Second     // of a loaded machine
	firstPause = 5 * time.Millisecond // after a child could not be started
	lastPause  = 500 * time.Millisecond
)

func newNursery(ctx context.Context, f *child.Family, r *engines.Recipe, ln *engines.Listener) *nursery {
	n := &nursery{family: f, recipe: r, ln: ln, idle: make(chan *child.Child), failed: make(chan error)}
	n.ctx, n.cancel = context.WithCancel(ctx)
	for range standing {
		n.over.Add(1)
		engines.Go("the nursery", func() error { n.raise(); return nil }, func(error) { n.over.Done() })
	}
	return n
}

// take is a child that is ready. Its error is the context's, or why there is none.
func (n *nursery) take(ctx context.Context) (*child.Child, error) {
	select {
	case c := <-n.idle:
		return c, nil
	case err := <-n.failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// raise starts a child and waits until somebody takes it, again and again.
func (n *nursery) raise() {
	pause := firstPause
	for n.ctx.Err() == nil {
		c, err := n.start()
		if err == nil {
			pause = firstPause
			select {
			case n.idle <- c:
			case <-c.Ended():
				n.ln.Log("child %d, which stood ready, %s; another one takes its place", c.Pid(), orEnded(c.Why()))
			case <-n.ctx.Done():
				c.Kill(syscall.SIGKILL)
				return
			}
			continue
		}
		timer := time.NewTimer(pause)
		pause = min(2*pause, lastPause)
		// Without descriptors connections wait, as they do for accept; whatever else is missing may be so for ever.
		failed := n.failed
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			failed = nil
		}
		select {
		case failed <- err:
		case <-timer.C:
		case <-n.ctx.Done():
		}
		timer.Stop()
	}
}

func orEnded(why string) string {
	if why == "" {
		return "has ended"
	}
	return why
}

// start starts a child and waits until it is ready.
func (n *nursery) start() (*child.Child, error) {
	c, err := n.family.Start(n.recipe.Args, n.recipe.Setup)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.Ready():
		return c, nil
	case <-c.Ended():
		return nil, notReady(c)
	case <-timer.C:
		err = errNotReady
	case <-n.ctx.Done():
		err = n.ctx.Err()
	}
	c.Kill(syscall.SIGKILL)
	return nil, err
}

// close ends the children that stand ready.
func (n *nursery) close() {
	n.cancel()
	n.over.Wait()
}
