package lua

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// A ScriptError is an error that a chunk threw and did not catch.
type ScriptError struct {
	File    string // the chunk's name, or ""
	Line    int    // 0 when unknown
	Message string // without the position
	Value   Value  // what was thrown
	thrown  *thrown
}

func (e *ScriptError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
	}
	return e.Message
}

// An ExitError ends the world: os.exit, skip.
type ExitError struct {
	Code int
	Text string // why, to be printed; may be ""
}

func (e *ExitError) Error() string { return "exit " + strconv.Itoa(e.Code) }

// Exit, returned by a bound function, ends the script with an exit code.
func Exit(code int, text string) error { return &ExitError{Code: code, Text: text} }

// exit ends the world's runs and fibers with a code. The first one counts.
func (w *World) exit(e *ExitError) {
	w.mu.Lock()
	if w.exited == nil {
		w.exited = e
	}
	w.mu.Unlock()
	w.finish(e)
	if w.above != nil {
		w.above.exit(e)
	}
}

// leave ends the calling run after exit: no further instruction of it may run, so it waits for the cancellation to
// arrive, which it does at once unless the run has surroundings of its own.
func (w *World) leave(L *glua.LState, e *ExitError) {
	env := envOf(L)
	w.exit(e)
	select {
	case <-env.Done():
	case <-time.After(100 * time.Millisecond):
	}
	stopIfDone(L)
	L.RaiseError("exit")
}

// Exited is how the script has asked to end, or nil.
func (w *World) Exited() *ExitError {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exited
}

// Done is closed when the world ends: by Close, or by os.exit in any of its fibers.
func (w *World) Done() <-chan struct{} { return w.root.ctx.Done() }

var positionPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([^\n:]+):(\d+): ?`) })

// scriptError takes apart what was thrown. The baton need not be held: the text of an object is its own.
func (w *World) scriptError(t *thrown) *ScriptError {
	e := &ScriptError{Value: Value{t.value}, thrown: t}
	where := ""
	switch v := t.value.(type) {
	case glua.LString:
		e.Message = string(v)
		if m := positionPattern().FindStringSubmatch(e.Message); m != nil {
			e.File, e.Message = m[1], e.Message[len(m[0]):]
			e.Line, _ = strconv.Atoi(m[2])
			e.Message = plainer(e.Message)
			return e
		}
		where = t.where
	case *glua.LUserData:
		e.Message, where = typeName(v), t.where
		if info := infoOf(v); info != nil {
			e.Message = info.text(v.Value)
		}
	case *glua.LTable:
		e.Message, where = "error value: "+strings.TrimSpace(show.Text(w.node(v, 3), show.Options{Width: 76})), t.where
	default:
		e.Message, where = "error value: "+Value{t.value}.String(), t.where
	}
	if i := strings.LastIndexByte(where, ':'); i > 0 {
		e.File = where[:i]
		e.Line, _ = strconv.Atoi(where[i+1:])
	}
	e.Message = plainer(e.Message)
	return e
}

var indexPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`attempt to index a non-table object\((\w+)\) with key '([^']*)'`)
})

// plainer says some of gopher-lua's messages as C Lua does.
func plainer(m string) string {
	m = strings.ReplaceAll(m, "attempt to call a non-function object", "attempt to call a value that is not a function")
	return indexPattern().ReplaceAllString(m, "attempt to index a $1 value with key '$2'")
}

func show1(e *ScriptError) string { return show.Escape(e.Error()) }
