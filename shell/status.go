package shell

import (
	"io"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/lua/show"
)

// A statusLine is the last line of a terminal, where a person who waits sees how far something has come. It needs no
// escape codes: blanks take it away. What goes through its writers comes in its place.
type statusLine struct {
	to    io.Writer
	width func() int
	busy  func() bool // somebody else has the line: it is being edited

	mu    sync.Mutex
	shown int  // columns of what stands there
	half  bool // what was written last has not ended its line
}

// status is the line of the terminal that the errors go to; nil when they go elsewhere.
func (a *app) status(stdout io.Writer) *statusLine {
	if !isTerminal(a.err) {
		return nil
	}
	busy := func() bool { return false }
	if w, ok := stdout.(*aboveWriter); ok {
		busy = w.isEditing
	}
	return &statusLine{to: a.err, width: func() int { return terminalWidth(int(a.err.Fd())) }, busy: busy}
}

// shower is show for a Lua world; nil where there is no line.
func (s *statusLine) shower() func(string) {
	if s == nil {
		return nil
	}
	return s.show
}

// show shows a line, or with an empty text takes it away.
func (s *statusLine) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	if text == "" || s.half || s.busy() {
		return
	}
	text = strings.ReplaceAll(text, "\n", " ")
	text = clipText(text, s.width()-1)
	io.WriteString(s.to, text+"\r")
	s.shown = show.Width(text)
}

// clear takes the line away; s.mu is held.
func (s *statusLine) clear() {
	if s.shown > 0 && !s.busy() { // or the prompt stands there now
		io.WriteString(s.to, strings.Repeat(" ", s.shown)+"\r")
	}
	s.shown = 0
}

// before is a writer to the same terminal.
func (s *statusLine) before(w io.Writer) io.Writer {
	if s == nil {
		return w
	}
	return &statusWriter{s, w}
}

type statusWriter struct {
	line *statusLine
	to   io.Writer
}

func (w *statusWriter) Write(p []byte) (int, error) {
	w.line.mu.Lock()
	w.line.clear()
	if len(p) > 0 {
		w.line.half = p[len(p)-1] != '\n'
	}
	w.line.mu.Unlock()
	return w.to.Write(p)
}

// freshLine ends a line that was begun.
func (w *statusWriter) freshLine() {
	if to, ok := w.to.(interface{ freshLine() }); ok {
		to.freshLine()
	}
}

// clipText cuts a line to so many columns.
func clipText(text string, width int) string {
	if show.Width(text) <= width {
		return text
	}
	out := []rune(text)
	for len(out) > 0 && show.Width(string(out))+1 > width {
		out = out[:len(out)-1]
	}
	return string(out) + "…"
}
