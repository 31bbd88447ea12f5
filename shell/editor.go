package shell

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
)

// A completer answers the Tab key: what the line becomes, and what to show above it.
type completer interface {
	complete(line []rune, pos int) (newLine []rune, newPos int, show string)
}

// A termEditor is the line editor of a terminal: readline, with the key filter before it. Everything that touches
// readline's line while it is being edited happens in readline's own goroutine, which a runeWake reaches.
type termEditor struct {
	keys *keyReader
	term *terminal
	out  *aboveWriter
	rl   *readline.Instance
	hist *history
	warn func(error)

	completer completer
	windowed  func() // readline's callback for a new width
	winch     chan os.Signal
	resized   atomic.Bool
	restored  sync.Once

	mu   sync.Mutex
	line int // how many runes the edited line has
}

// newTermEditor takes over a terminal. The history's entries can be recalled; c may be nil.
func newTermEditor(in, out *os.File, h *history, c completer, color bool, warn func(error)) (*termEditor, error) {
	term, err := newTerminal(int(in.Fd()), out)
	if err != nil {
		return nil, err
	}
	keys, err := newKeyReader(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	e := &termEditor{keys: keys, term: term, hist: h, completer: c, warn: warn, winch: make(chan os.Signal, 1)}
	e.out = newAboveWriter(out, keys.wake)
	e.rl, err = readline.NewEx(&readline.Config{
		Stdin: keys, Stdout: out, Stderr: out,
		HistoryLimit: historyLimit + 2, DisableAutoSaveHistory: true, HistorySearchFold: true,
		AutoComplete: noCompletion{}, Listener: readline.FuncListener(e.listen), Painter: painter{color},
		FuncFilterInputRune: e.filter,
		FuncMakeRaw:         term.raw, FuncExitRaw: term.cooked,
		FuncIsTerminal: func() bool { return true },
		FuncGetWidth:   func() int { return terminalWidth(int(out.Fd())) },
		FuncOnWidthChanged: func(f func()) {
			e.windowed = f
		},
	})
	if err != nil {
		keys.Close()
		return nil, err
	}
	signal.Notify(e.winch, unix.SIGWINCH)
	lua.Go("window size", nil, e.watchWindow)
	return e, nil
}

func (e *termEditor) watchWindow() {
	for range e.winch {
		e.resized.Store(true)
		e.keys.wake()
	}
}

func (e *termEditor) Output() io.Writer { return e.out }

func (e *termEditor) ReadLine(prompt string) (string, error) {
	if e.keys.isGone() {
		return "", io.EOF
	}
	e.recall()
	e.rl.SetPrompt(prompt)
	e.out.begin()
	defer e.out.end()
	e.keys.begin()
	line, err := e.rl.Readline()
	switch {
	case e.keys.isGone():
		// readline enters what stands in the line when the terminal goes away; nobody pressed Enter.
		return "", io.EOF
	case errors.Is(err, readline.ErrInterrupt):
		return "", errInterrupted
	case err != nil:
		return "", io.EOF
	}
	return strings.ReplaceAll(line, string(runeNewline), "\n"), nil
}

func (e *termEditor) Remember(entry string) {
	if err := e.hist.add(entry); err != nil {
		e.warn(err)
	}
}

// recall gives readline the history anew, for each line. Its own list goes on from where the last line was recalled,
// stores a recalled line in place of the new one, and when it is empty, leaving a search is a nil dereference.
func (e *termEditor) recall() {
	e.rl.ResetHistory()
	e.rl.SaveHistory("")
	for _, entry := range e.hist.entries {
		e.rl.SaveHistory(strings.ReplaceAll(entry, "\n", string(runeNewline)))
	}
}

// Interrupt does nothing: Ctrl-C is a key here, and a signal from elsewhere is no reason to drop what was typed.
func (e *termEditor) Interrupt() {}

func (e *termEditor) HangUp() { e.keys.hangUp() }

func (e *termEditor) Close() {
	e.restored.Do(func() {
		signal.Stop(e.winch)
		close(e.winch)
		e.keys.hangUp() // readline waits for its reader
		e.rl.Close()
		e.keys.Close()
		e.term.restore()
	})
}

// filter sees each key before readline does.
func (e *termEditor) filter(r rune) (rune, bool) {
	e.mu.Lock()
	empty := e.line == 0
	e.mu.Unlock()
	switch r {
	case runeWake:
		if e.resized.Swap(false) && e.windowed != nil {
			e.windowed()
		}
		e.out.drain(e.rl.Stdout())
		return r, false
	case runeDelete:
		return readline.CharDelete, !empty
	case readline.CharDelete:
		if !empty {
			e.keys.begin() // it deletes; the editing goes on
		}
	case readline.CharInterrupt:
		if e.rl.Operation.IsSearchMode() {
			e.keys.begin() // it leaves the search
		}
	}
	return r, true
}

// listen sees the line after each key.
func (e *termEditor) listen(line []rune, pos int, key rune) ([]rune, int, bool) {
	if key == readline.CharTab && e.completer != nil {
		newLine, newPos, show := e.completer.complete(line, pos)
		if show != "" {
			e.rl.Stdout().Write([]byte(show))
		}
		e.setLength(len(newLine))
		return newLine, newPos, true
	}
	e.setLength(len(line))
	return nil, 0, false
}

func (e *termEditor) setLength(n int) {
	e.mu.Lock()
	e.line = n
	e.mu.Unlock()
}

// noCompletion keeps readline's own completion, which can only append, out of the way.
type noCompletion struct{}

func (noCompletion) Do([]rune, int) ([][]rune, int) { return nil, 0 }

// painter draws the line: a newline inside it as a sign of one column, which is what readline counts for it.
type painter struct{ color bool }

func (p painter) Paint(line []rune, _ int) []rune {
	out := make([]rune, 0, len(line))
	for _, r := range line {
		switch {
		case r == runeNewline && p.color:
			out = append(out, []rune("\x1b[2m⏎\x1b[0m")...)
		case r == runeNewline:
			out = append(out, '⏎')
		default:
			out = append(out, r)
		}
	}
	return out
}
