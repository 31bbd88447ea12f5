package lua

import (
	"runtime"
	"sync"
	"weak"

	glua "github.com/yuin/gopher-lua"
)

// A Sourced is a record that remembers where it comes from, for its methods: World.Source gives it back.
type Sourced struct {
	Value  any
	Source any
}

// sources has the Source of tables that scripts still hold.
type sources struct {
	mu sync.Mutex
	by map[weak.Pointer[glua.LTable]]any
}

func (s *sources) remember(tb *glua.LTable, source any) {
	key := weak.Make(tb)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[weak.Pointer[glua.LTable]]any{}
	}
	s.by[key] = source
	runtime.AddCleanup(tb, s.forget, key)
}

func (s *sources) forget(key weak.Pointer[glua.LTable]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, key)
}

// Source is what a record was made with as Sourced, or nil.
func (w *World) Source(v Value) any {
	tb, ok := v.v.(*glua.LTable)
	if !ok {
		return nil
	}
	w.sources.mu.Lock()
	defer w.sources.mu.Unlock()
	return w.sources.by[weak.Make(tb)]
}

func (w *World) sourced(s Sourced) glua.LValue {
	v := w.toLua(s.Value)
	if tb, ok := v.(*glua.LTable); ok {
		w.sources.remember(tb, s.Source)
	}
	return v
}
