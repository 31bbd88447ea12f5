package lua

import (
	"fmt"
	"sync"
)

// Isolate makes a world beside this one: of the same modules and with the same restrictions, but with globals and a
// baton of its own, so that its Lua runs at the same time as this one's. Functions of this world's snapshots can be made
// anew in it (Thaw). What it prints is printed here, and an os.exit in it ends this one, too, as exit(3) in a thread ends
// the process. Sockets are made in place when nothing else is said. Whoever makes it closes it, by End.
func (w *World) Isolate(place any) (*World, error) {
	cfg := w.cfg
	cfg.Stdout, cfg.Stderr = forward(w.Forward), forward(w.ForwardError)
	cfg.Place, cfg.Shared = place, true
	iso, err := New(cfg)
	if err != nil {
		return nil, fmt.Errorf("a Lua world could not be made: %w", err)
	}
	iso.above, iso.library, iso.origins = w, w.library, w.origins
	return iso, nil
}

// End closes an isolate, and has its failures counted by the world that it was made by.
func (w *World) End() {
	w.Close()
	if w.above != nil {
		w.above.AddFailures(w.Failures())
	}
}

// forward is a Writer that hands text on.
type forward func(text string)

func (f forward) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// A library is the chunks of snapshots, compiled once for all worlds that share it: compiled code never changes.
type library struct {
	mu     sync.Mutex
	chunks map[[2]string]*Chunk // by name and source
}

// mostChunks bounds a library: a script may make source without end.
const mostChunks = 256

// chunk compiles a chunk, or finds it.
func (l *library) chunk(name, source string) (*Chunk, error) {
	key := [2]string{name, source}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.chunks[key]; c != nil {
		return c, nil
	}
	c, err := Compile(name, source)
	if err != nil {
		return nil, err
	}
	if l.chunks == nil || len(l.chunks) == mostChunks {
		l.chunks = map[[2]string]*Chunk{}
	}
	l.chunks[key] = c
	return c, nil
}
