package lua

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Witness is told of each call of a declared function, when it has returned: its name, as "client.dial" or "Conn:close";
// the object whose method it is, or nil; its first result if that is an object, or nil. It may hold nothing up: the baton
// is held.
type Witness func(name string, self, result any, from, till time.Time)

// witnesses are a world's. None is the usual case, which costs one load a call.
type witnesses struct {
	some atomic.Bool
	mu   sync.Mutex
	list []*Witness
}

// OnCall adds a witness of the calls of this world, and gives what takes it away again. Calls in isolates are those of
// other worlds.
func (w *World) OnCall(f Witness) (stop func()) {
	ws := &w.witnesses
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.list = append(slices.Clone(ws.list), &f)
	ws.some.Store(true)
	return func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		ws.list = slices.DeleteFunc(slices.Clone(ws.list), func(g *Witness) bool { return g == &f })
		ws.some.Store(len(ws.list) > 0)
	}
}

func (ws *witnesses) tell(name string, self, result any, from time.Time) {
	ws.mu.Lock()
	list := ws.list
	ws.mu.Unlock()
	till := time.Now()
	for _, f := range list {
		(*f)(name, self, result, from, till)
	}
}

// witnessed tells of a call that went by reflection.
func (b *bound) witnessed(p *plan, in, out []reflect.Value, from time.Time) {
	var self, result any
	if b.typ != nil {
		for _, v := range in {
			if v.IsValid() && v.Type() == b.typ.rt {
				self = v.Interface()
				break
			}
		}
	}
	if len(out) > 0 && p.outs > 0 && out[0].Kind() == reflect.Pointer && !out[0].IsNil() {
		result = out[0].Interface()
	}
	b.w.witnesses.tell(b.name, self, result, from)
}
