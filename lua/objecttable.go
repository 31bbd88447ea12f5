package lua

import (
	"runtime"
	"sync"
	"weak"

	glua "github.com/yuin/gopher-lua"
)

// An objectTable has the userdata of the Go pointers that scripts hold, as long as they do. The holder of the baton uses
// it.
type objectTable struct {
	by      map[any]objectRef
	ids     map[uint64]any
	last    uint64
	sweepAt int // how many objects there are when it is time to sweep
	gone    *goneObjects
}

type objectRef struct {
	ud weak.Pointer[glua.LUserData]
	id uint64
}

// goneObjects are those whose userdata the collector has taken. It is apart from the world, and the objects have numbers
// in it: what a cleanup refers to never goes to the collector, and from a world all its objects can be reached.
type goneObjects struct {
	mu  sync.Mutex
	ids []uint64
}

func (g *goneObjects) note(id uint64) {
	g.mu.Lock()
	g.ids = append(g.ids, id)
	g.mu.Unlock()
}

func newObjectTable() objectTable {
	return objectTable{by: map[any]objectRef{}, ids: map[uint64]any{}, gone: &goneObjects{}}
}

func (t *objectTable) find(x any) *glua.LUserData {
	if ref, ok := t.by[x]; ok {
		return ref.ud.Value()
	}
	return nil
}

func (t *objectTable) add(x any, ud *glua.LUserData) {
	if len(t.by) >= t.sweepAt {
		t.sweep()
		t.sweepAt = 2*len(t.by) + 64
	}
	t.last++
	t.by[x], t.ids[t.last] = objectRef{weak.Make(ud), t.last}, x
	runtime.AddCleanup(ud, t.gone.note, t.last)
}

// sweep drops the objects that are gone, unless they have a new userdata by now.
func (t *objectTable) sweep() {
	t.gone.mu.Lock()
	ids := t.gone.ids
	t.gone.ids = nil
	t.gone.mu.Unlock()
	for _, id := range ids {
		x := t.ids[id]
		delete(t.ids, id)
		if t.by[x].id == id {
			delete(t.by, x)
		}
	}
}
