package lua

import (
	"context"
	"strings"
	"sync"
	"testing"
)

func TestScopeOrder(t *testing.T) {
	var log []string
	note := func(s string) func() { return func() { log = append(log, s) } }
	parent := NewScope(context.Background(), nil)
	parent.Own("a", note("a"))
	child := NewScope(parent.Context(), parent)
	child.Own("c1", note("c1"))
	child.Own("c2", func() {
		if child.Context().Err() == nil {
			t.Error("the context is not over when the things are closed")
		}
		child.Own("late", note("late")) // the scope is closing: at once
		note("c2")()
	})
	b := parent.Own("b", note("b"))
	gone := parent.Own("gone", note("gone"))
	parent.Own("d", note("d"))
	if got := strings.Join(parent.Open(), " "); got != "d gone b scope a" {
		t.Errorf("open: %s", got)
	}
	gone.Release()
	gone.Release()
	parent.Close()
	parent.Close()
	b.Release()
	if got := strings.Join(log, " "); got != "d b late c2 c1 a" {
		t.Errorf("closed: %s", got)
	}
	if open := append(parent.Open(), child.Open()...); len(open) > 0 {
		t.Errorf("still open: %v", open)
	}
}

// A child that is closed by itself leaves nothing in its parent.
func TestScopeChildReleases(t *testing.T) {
	parent := NewScope(context.Background(), nil)
	for range 100 {
		c := NewScope(parent.Context(), parent)
		c.Own("x", func() {})
		c.Close()
	}
	if n := len(parent.Open()); n != 0 {
		t.Errorf("%d things are left in the parent", n)
	}
}

// Everything is closed exactly once, though many open, release and close at once.
func TestScopeConcurrently(t *testing.T) {
	for range 50 {
		s := NewScope(context.Background(), nil)
		var mu sync.Mutex
		closed, released := map[int]int{}, map[int]bool{}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				h := s.Own("x", func() { mu.Lock(); closed[i]++; mu.Unlock() })
				if i%3 == 0 {
					h.Release()
					mu.Lock()
					released[i] = true
					mu.Unlock()
				}
			})
		}
		wg.Go(s.Close)
		wg.Go(s.Close)
		wg.Wait()
		s.Close()
		for i := range 20 {
			if n := closed[i]; n > 1 || n == 0 && !released[i] {
				t.Fatalf("thing %d was closed %d times", i, n)
			}
		}
	}
}
