package shell

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// An app is one start of nsh.
type app struct {
	set     *plugins.Set
	helper  *helper
	command command
	in      *os.File
	out     *os.File
	err     *os.File
	getenv  func(string) string
	script  *os.File      // of a FILE, open
	inside  *fence.Inside // nil outside the fence
	files   lua.Files     // of a script that may not open what it likes
}

// A source is something to run: a script, or the code of -e.
type source struct {
	name, text string
	wanted     bool // its value is to be printed, if it is an expression
}

func (a *app) main() int {
	runs, err := a.sources()
	if err != nil {
		fmt.Fprintln(a.err, "nsh:", err)
		return exitUsage
	}
	g := newGuard()
	defer g.close()
	if limit := a.command.time; limit > 0 && a.inside == nil { // behind the fence, the parent sees to it
		defer time.AfterFunc(limit, func() {
			fmt.Fprintln(a.err, lateText(a.subject(), limit))
			g.end(exitFailed)
		}).Stop()
	}
	asks := len(runs) == 0 || a.command.stay
	if asks { // and Tab reads the declarations
		if err := a.set.Check(); err != nil {
			fmt.Fprintln(a.err, "nsh:", err)
			return exitFailed
		}
	}
	var editor lineEditor
	var tab *tabCompleter
	stdout, stderr := io.Writer(a.out), io.Writer(a.err)
	if asks {
		editor, tab = a.editor()
		defer editor.Close()
		g.editing(editor)
		stdout = editor.Output()
		if isTerminal(a.err) {
			stderr = stdout
		}
	}
	line := a.status(stdout)
	stdout, stderr = line.before(stdout), line.before(stderr)
	s, err := a.session(g, stdout, stderr, line)
	if err != nil {
		fmt.Fprintln(a.err, "nsh:", err)
		return exitFailed
	}
	code, ended := s.runAll(runs)
	if !asks || ended {
		return s.close(code)
	}
	p := &prompt{session: s, editor: editor}
	if tab != nil {
		tab.know, tab.width, tab.block = worldKnowledge{s.world, a.helper.index()}, s.look.width, func() string { return p.typed }
		fmt.Fprint(stdout, banner(a.about(), s.look.width()))
	}
	code = p.loop()
	s.end()
	return code
}

// sources reads what is to be run before, or instead of, a prompt.
func (a *app) sources() ([]source, error) {
	c := a.command
	var runs []source
	for i, code := range c.code {
		name := "-e"
		if i > 0 {
			name = fmt.Sprintf("-e[%d]", i+1)
		}
		runs = append(runs, source{name, code, true})
	}
	switch {
	case c.file == "-", !c.explicit && !c.stay && !isTerminal(a.in):
		text, err := io.ReadAll(a.in)
		return append(runs, source{"stdin", string(text), false}), err
	case c.file != "":
		defer a.script.Close()
		text, err := io.ReadAll(a.script)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, unwrapPath(err))
		}
		runs = append(runs, source{c.file, string(text), false})
	}
	return runs, nil
}

// openScript opens the FILE of the command line.
func (a *app) openScript() error {
	name := a.command.file
	if name == "" || name == "-" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, unwrapPath(err))
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return fmt.Errorf("%s: %w", name, syscall.EISDIR)
	}
	a.script = f
	return nil
}

// unwrapPath is what is wrong with a file, without the name of the system call.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// held says whether this start is a script's, to be kept from the networks, files and programs of this machine.
func (a *app) held() bool {
	return !a.command.host && (a.command.file != "" || !a.command.explicit && !isTerminal(a.in))
}

func (a *app) session(g *guard, stdout, stderr io.Writer, line *statusLine) (*session, error) {
	a.helper.out = stdout
	s := &session{
		guard: g, look: lookOf(a.out, a.command.noColor, a.getenv),
		out: stdout, err: stderr, texts: map[string]string{}, json: a.command.json,
	}
	if s.look.terminal {
		a.helper.width = s.look.width
	}
	held := a.held()
	if held && a.files == nil {
		files, err := a.openFolders()
		if err != nil {
			return nil, err
		}
		a.files = files
	}
	var err error
	s.world, err = lua.New(lua.Config{
		Modules: a.helper.modules, Script: a.command.file, Args: a.command.args,
		Stdout: stdout, Stderr: stderr, Status: line.shower(), Style: s.look.options, JSON: s.json,
		Place: engines.Here{LoopbackOnly: a.private() && a.inside == nil}, Confine: held, Files: a.files, Shared: a.asks(),
	})
	if err != nil {
		return nil, err
	}
	a.set.Attach(s.world)
	return s, nil
}

// editor is the one for the terminal there is. Without a full one there are no keys, and no prompt in a pipe.
func (a *app) editor() (lineEditor, *tabCompleter) {
	in, out := isTerminal(a.in), isTerminal(a.out)
	term := a.getenv("TERM")
	if !in || !out || term == "dumb" || term == "" {
		return newPlainEditor(a.in, a.out, in && out), nil
	}
	warn := func(err error) { fmt.Fprintln(a.err, "nsh:", err) }
	h := &history{}
	if a.inside == nil || !a.held() { // the prompt after a script has no files
		var err error
		h, err = openHistory(historyPath(a.getenv))
		if err != nil && !errors.Is(err, syscall.EROFS) { // a system that is read-only knows that it is
			warn(err)
		}
	}
	tab := &tabCompleter{}
	e, err := newTermEditor(a.in, a.out, h, tab, lookOf(a.out, a.command.noColor, a.getenv).color, warn)
	if err != nil {
		return newPlainEditor(a.in, a.out, true), nil
	}
	return e, tab
}

// about says what holds a prompt, if anything does.
func (a *app) about() string {
	switch {
	case a.inside != nil:
		return ", in a network of its own"
	case a.private():
		return ", held to loopback addresses"
	}
	return ""
}

func banner(about string, width int) string {
	return show.Wrap(version()+about, "", "", width) +
		show.Wrap("help() says what there is, Tab completes, Ctrl-C stops a call, Ctrl-D leaves", "", "", width)
}
