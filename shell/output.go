package shell

import (
	"bytes"
	"io"
	"sync"
)

// held is how much output may wait while a line is typed, before those who print have to wait, too.
const held = 256 << 10

// aboveWriter is the one way to the terminal. While a line is being edited it holds what fibers print, and asks the
// editor to print it, whole lines at a time, above the line; otherwise it writes at once.
type aboveWriter struct {
	to   io.Writer
	wake func() // asks the editor to call drain

	mu      sync.Mutex
	room    *sync.Cond
	editing bool
	waiting []byte
	half    bool // what was written last has not ended its line
}

func newAboveWriter(to io.Writer, wake func()) *aboveWriter {
	w := &aboveWriter{to: to, wake: wake}
	w.room = sync.NewCond(&w.mu)
	return w
}

func (w *aboveWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.editing && len(w.waiting) > held {
		w.room.Wait()
	}
	if !w.editing {
		return w.write(p)
	}
	w.waiting = append(w.waiting, p...)
	if bytes.IndexByte(p, '\n') >= 0 {
		w.wake()
	}
	return len(p), nil
}

func (w *aboveWriter) write(p []byte) (int, error) {
	if len(p) > 0 {
		w.half = p[len(p)-1] != '\n'
	}
	return w.to.Write(p)
}

// freshLine ends a line that was begun.
func (w *aboveWriter) freshLine() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.half && !w.editing {
		w.write([]byte("\n"))
	}
}

// lineEnded says that somebody else has ended the line: the Enter key.
func (w *aboveWriter) lineEnded() {
	w.mu.Lock()
	w.half = false
	w.mu.Unlock()
}

// begin says that a line is being edited from now on. It begins on a line of its own: readline clears the one that the
// cursor is in.
func (w *aboveWriter) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.half {
		w.write([]byte("\n"))
	}
	w.editing = true
}

// end writes what is left; the terminal belongs to whoever prints again.
func (w *aboveWriter) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.editing = false
	if len(w.waiting) > 0 {
		w.write(w.waiting)
		w.waiting = nil
	}
	w.room.Broadcast()
}

func (w *aboveWriter) isEditing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.editing
}

// drain writes the lines that wait to a writer which makes room for them above the prompt. A line without its end
// keeps waiting: the prompt would be drawn over it.
func (w *aboveWriter) drain(above io.Writer) {
	w.mu.Lock()
	end := bytes.LastIndexByte(w.waiting, '\n') + 1
	if end == 0 && len(w.waiting) > held {
		end = len(w.waiting)
	}
	lines := bytes.Clone(w.waiting[:end])
	w.waiting = append(w.waiting[:0], w.waiting[end:]...)
	w.room.Broadcast()
	w.mu.Unlock()
	if len(lines) > 0 {
		above.Write(lines)
	}
}
