package lua

import (
	"io"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// output is where print and io.write go: one writer, whole lines at a time.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) write(s string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := io.WriteString(o.w, s)
	return err
}

// style is how values are laid out now.
func (w *World) style() show.Options {
	if w.cfg.Style == nil {
		return show.Options{Width: 80, Raw: true}
	}
	return w.cfg.Style()
}

// Println writes a line of text, made safe for a terminal.
func (w *World) Println(text string) { w.out.write(show.EscapeLines(text) + "\n") }

// Show is a value as a tree to be laid out. It takes the baton: bound functions with a context, and the shell, may call
// it; functions that keep the baton use Look.
func (w *World) Show(v Value) show.Node {
	f := w.borrowFlow()
	defer w.returnFlow(f)
	w.baton.take(f.wait)
	defer w.baton.pass()
	return w.node(v.v, 0)
}

// Look is Show for a caller that holds the baton: a bound function without a context.
func (w *World) Look(v Value) show.Node { return w.node(v.v, 0) }

// Equal compares two values, tables by what is in them. The caller holds the baton.
func (w *World) Equal(a, b Value) bool { return equalValues(a.v, b.v, 0) }

func equalValues(a, b glua.LValue, depth int) bool {
	if a == nil {
		a = glua.LNil
	}
	if b == nil {
		b = glua.LNil
	}
	if a == b {
		return true
	}
	if ua, ok := a.(*glua.LUserData); ok {
		ub, ok := b.(*glua.LUserData)
		return ok && ua.Value == ub.Value
	}
	ta, ok := a.(*glua.LTable)
	tb, ok2 := b.(*glua.LTable)
	if !ok || !ok2 || depth > maxNesting {
		return false
	}
	n := 0
	for k, v := ta.Next(glua.LNil); k != glua.LNil; k, v = ta.Next(k) {
		n++
		if !equalValues(v, tb.RawGet(k), depth+1) {
			return false
		}
	}
	for k, _ := tb.Next(glua.LNil); k != glua.LNil; k, _ = tb.Next(k) {
		n--
	}
	return n == 0
}

// print writes its arguments as a person wants to see them: tables by what is in them, objects in their printed form.
// With --json each is a JSON value on a line of its own.
func (w *World) print(L *glua.LState) int {
	n := L.GetTop()
	style := w.style()
	var b strings.Builder
	for i := 1; i <= n; i++ {
		text := ""
		if w.cfg.JSON {
			text = show.JSON(w.node(L.Get(i), 0))
		} else {
			text = w.printed(L, L.Get(i), style)
		}
		switch {
		case i == 1:
		case w.cfg.JSON || strings.Contains(text, "\n"):
			b.WriteByte('\n')
		default:
			b.WriteByte('\t')
		}
		b.WriteString(text)
	}
	b.WriteByte('\n')
	w.emit(L, b.String())
	return 0
}

func (w *World) printed(L *glua.LState, v glua.LValue, style show.Options) string {
	if tb, ok := v.(*glua.LTable); ok {
		if m := L.GetMetaField(tb, "__tostring"); m != glua.LNil {
			if _, declared := w.declaredRecord(tb); !declared {
				return show.Text(show.Node{Kind: show.String, Text: toText(L, v)}, style)
			}
		}
	}
	if v.Type() == glua.LTFunction || v.Type() == glua.LTThread {
		return toText(L, v)
	}
	return show.Text(w.node(v, 0), style)
}

// emit writes to the standard output; a closed one ends the run as SIGPIPE would.
func (w *World) emit(L *glua.LState, s string) {
	if err := w.out.write(s); err != nil {
		w.leave(L, &ExitError{Code: 1})
	}
}

// Forward writes what a world in another process has printed: it is laid out already.
func (w *World) Forward(text string) {
	if w.out.write(text) != nil {
		w.exit(&ExitError{Code: 1}) // as a print of its own would
	}
}

// ForwardError writes what a world in another process has written to its standard error.
func (w *World) ForwardError(text string) { w.errout.write(text) }

// Warn writes a line to the standard error, made safe for a terminal: what a person should know though no call returns it.
func (w *World) Warn(text string) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	io.WriteString(w.cfg.Stderr, show.EscapeLines(text)+"\n")
}

// Status shows a person who waits, on a terminal, how far something has come: a line that the next one, or any output, takes
// the place of. The empty one takes it away. Elsewhere nothing happens.
func (w *World) Status(text string) {
	if w.cfg.Status != nil {
		w.cfg.Status(show.EscapeLines(text))
	}
}
