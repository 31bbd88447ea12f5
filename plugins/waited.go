package plugins

import (
	"sync"

	"github.com/nsh-lab/nsh/lua"
)

// A Waited is an object with a descriptor whose owner wants to know when somebody waits for it beside others, as the
// listener of a server model that is written in Lua.
type Waited interface {
	// Waits is called before the wait. End ends it, with nothing ready; done is called after it.
	Waits(end func()) (done func(ready bool))
}

// numbered are the objects of one world that are waited for by their bare numbers, too.
type numbered struct {
	mu sync.Mutex
	by map[int]Waited
}

func numberedIn(w *lua.World) *numbered {
	return lua.State(w, func() *numbered { return &numbered{by: map[int]Waited{}} })
}

// Announce lets a script wait for an object by its descriptor's number. What it returns takes that back.
func Announce(w *lua.World, fd int, x Waited) (forget func()) {
	n := numberedIn(w)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.by[fd] = x
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.by[fd] == x {
			delete(n.by, fd)
		}
	}
}

// WaitedAt is the object that was announced for a number, or nil.
func WaitedAt(w *lua.World, fd int) Waited {
	n := numberedIn(w)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.by[fd]
}
