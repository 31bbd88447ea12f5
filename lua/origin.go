package lua

import (
	"runtime"
	"sync"
	"weak"

	glua "github.com/yuin/gopher-lua"
)

// An origin is where a function's prototype comes from: source that any world can compile, and its number in it.
type origin struct {
	name, source string
	number       int // in the order of protosOf
}

// origins knows the prototypes that a world has compiled, as long as there are functions of them: a script that calls
// loadstring for ever does not grow. It is apart from the World, which the clean-ups would keep alive otherwise.
type origins struct {
	mu    sync.Mutex
	known map[weak.Pointer[glua.FunctionProto]]origin
}

// remember notes what a chunk consists of.
func (o *origins) remember(c *Chunk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[weak.Pointer[glua.FunctionProto]]origin{}
	}
	if _, ok := o.known[weak.Make(c.proto)]; ok {
		return
	}
	for i, p := range protosOf(c.proto) {
		key := weak.Make(p)
		o.known[key] = origin{c.Name, c.Source, i}
		runtime.AddCleanup(p, o.forget, key)
	}
}

func (o *origins) forget(key weak.Pointer[glua.FunctionProto]) {
	o.mu.Lock()
	delete(o.known, key)
	o.mu.Unlock()
}

func (o *origins) of(p *glua.FunctionProto) (origin, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, ok := o.known[weak.Make(p)]
	return at, ok
}

// protosOf lists a prototype and those nested in it, each before its own: the same source gives the same order.
func protosOf(root *glua.FunctionProto) []*glua.FunctionProto {
	all := []*glua.FunctionProto{root}
	for _, p := range root.FunctionPrototypes {
		all = append(all, protosOf(p)...)
	}
	return all
}

// globalsNamed are the globals that a function, or one nested in it, reads by name.
func globalsNamed(root *glua.FunctionProto) []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range protosOf(root) {
		for _, inst := range p.Code {
			// gopher-lua, opcode.go: the operation is the upper 6 bits, the constant's number the lower 18.
			if int(inst>>26) != glua.OP_GETGLOBAL {
				continue
			}
			if i := int(inst & 0x3ffff); i < len(p.Constants) {
				if s, ok := p.Constants[i].(glua.LString); ok && !seen[string(s)] {
					seen[string(s)] = true
					names = append(names, string(s))
				}
			}
		}
	}
	return names
}
