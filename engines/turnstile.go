package engines

import (
	"context"
	"slices"
	"sync"
)

// A turnstile lets one through at a time, first come first served, so that two sends never mix their bytes. Unlike
// that of a mutex, the wait ends with the context.
type turnstile struct {
	mu   sync.Mutex
	busy bool
	line []chan struct{}
}

func (t *turnstile) enter(ctx context.Context) error {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.line = append(t.line, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.line, turn)
	if i >= 0 {
		t.line = slices.Delete(t.line, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // the turn had come at the same moment: pass it on
		t.leave()
	}
	return ctx.Err()
}

// enter gets a turn in one direction. A fiber waits for it aside.
func (f *flow) enter(ctx context.Context, t *turnstile) (err error) {
	if t.tryEnter() {
		return nil
	}
	if f.driven != nil {
		if self := f.driven.fiber(); self != nil {
			self.Aside(func() { err = t.enter(ctx) })
			return err
		}
	}
	return t.enter(ctx)
}

// tryEnter is enter for who does not wait.
func (t *turnstile) tryEnter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy {
		return false
	}
	t.busy = true
	return true
}

func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) == 0 {
		t.busy = false
		return
	}
	close(t.line[0])
	t.line = t.line[1:]
}
