package lua

import (
	"context"
	"sync"
)

// A Scope owns what was opened in it and closes it newest first when it ends. The prompt's scope is the session; a
// script has one; a linear handler's ends with its connection.
type Scope struct {
	ctx    context.Context
	cancel context.CancelFunc
	parent *Held

	mu     sync.Mutex
	newest *Held // a doubly linked list, newest first
	closed bool
}

// A Held is one thing that a Scope owns.
type Held struct {
	scope        *Scope
	name         string
	close        func()
	newer, older *Held
	released     bool
	twin         *Held // in another scope that closes it, too
}

// NewScope makes a scope that ends with ctx's world at the latest. It belongs to its parent, if any.
func NewScope(ctx context.Context, parent *Scope) *Scope {
	s := &Scope{}
	if EnvOf(ctx) != nil {
		ctx = bare{ctx} // what runs in the scope is not part of the flow that made it
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if parent != nil {
		s.parent = parent.Own("scope", s.Close)
	}
	return s
}

// A bare context is one that no Env is found in.
type bare struct{ context.Context }

func (b bare) Value(key any) any {
	if _, ok := key.(envKey); ok {
		return nil
	}
	return b.Context.Value(key)
}

// Context ends when the scope does.
func (s *Scope) Context() context.Context { return s.ctx }

// Own registers a clean-up. If the scope has ended already, it runs at once.
func (s *Scope) Own(name string, close func()) *Held {
	h := &Held{scope: s, name: name, close: close}
	s.mu.Lock()
	if s.closed {
		h.released = true
		s.mu.Unlock()
		close()
		return h
	}
	h.older = s.newest
	if s.newest != nil {
		s.newest.newer = h
	}
	s.newest = h
	s.mu.Unlock()
	return h
}

// Release forgets the thing: it has been closed by hand.
func (h *Held) Release() {
	if h == nil {
		return
	}
	h.scope.mu.Lock()
	defer h.scope.mu.Unlock()
	h.unlink()
}

// Also has another scope close the thing as well, if that ends first.
func (h *Held) Also(s *Scope) {
	twin := s.Own(h.name, func() {
		h.scope.mu.Lock()
		ours := h.unlink()
		h.scope.mu.Unlock()
		if ours {
			h.close()
		}
	})
	h.scope.mu.Lock()
	h.twin = twin
	gone := h.released
	h.scope.mu.Unlock()
	if gone {
		twin.Release()
	}
}

func (h *Held) unlink() bool {
	if h.released {
		return false
	}
	h.released = true
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		h.scope.newest = h.older
	}
	if h.older != nil {
		h.older.newer = h.newer
	}
	h.newer, h.older = nil, nil
	h.twin.Release()
	return true
}

// Close ends the scope: its context first, then what it owns, newest first. It may be called again.
func (s *Scope) Close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	for s.newest != nil {
		h := s.newest
		h.unlink()
		s.mu.Unlock()
		h.close()
		s.mu.Lock()
	}
	s.mu.Unlock()
	s.parent.Release()
}

// Open lists the names of what the scope still owns, newest first.
func (s *Scope) Open() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for h := s.newest; h != nil; h = h.older {
		names = append(names, h.name)
	}
	return names
}
