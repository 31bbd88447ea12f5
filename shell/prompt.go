package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nsh-lab/nsh/lua"
)

const (
	firstPrompt = "nsh> "
	morePrompt  = "  >> "
)

// A prompt reads entries and runs them until the end.
type prompt struct {
	*session
	editor lineEditor
	count  int
	typed  string // the lines of the entry that is not complete yet
	hinted bool   // that locals end with their entry
}

// loop gives the exit code.
func (p *prompt) loop() int {
	finished := make(chan struct{})
	defer close(finished)
	lua.Go("prompt", nil, func() { // os.exit in a fiber ends the waiting, too
		select {
		case <-p.world.Done():
			p.editor.HangUp()
		case <-finished:
		}
	})
	for {
		entry, c, expression, err := p.read()
		var exit *lua.ExitError
		switch {
		case errors.Is(err, io.EOF):
			return p.exitCode()
		case errors.Is(err, errInterrupted):
			continue
		case err == nil:
			err = p.run(c, expression)
		}
		switch {
		case errors.As(err, &exit):
			return p.exitCode()
		case errors.Is(err, context.Canceled):
			fmt.Fprintln(p.err, "interrupted")
		case err != nil:
			p.complain(p.here(err, entry))
		default:
			p.hint(entry)
		}
	}
}

// exitCode is that of the signal or os.exit that ended the session, or 0.
func (p *prompt) exitCode() int {
	if code := p.guard.asked(); code != 0 {
		return code
	}
	if exit := p.world.Exited(); exit != nil {
		return exit.Code
	}
	return exitOK
}

// read gives the next entry that is complete, compiled, or the error that it has.
func (p *prompt) read() (entry string, c *lua.Chunk, expression bool, err error) {
	ask := firstPrompt
	p.typed = ""
	defer func() { p.typed = "" }()
	for {
		line, err := p.editor.ReadLine(ask)
		if err != nil {
			return "", nil, false, err
		}
		p.typed += line + "\n"
		entry = strings.TrimRight(p.typed, " \t\n")
		if strings.TrimSpace(entry) == "" {
			p.typed = ""
			continue
		}
		name := fmt.Sprintf("prompt[%d]", p.count+1)
		c, expression, more, err := compileEntry(name, p.typed)
		if more {
			ask = morePrompt
			continue
		}
		p.count++
		p.texts[name] = entry
		p.editor.Remember(entry)
		return entry, c, expression, err
	}
}

// here leaves out the position of an error in the entry just typed, if that has only one line to be in.
func (p *prompt) here(err error, entry string) error {
	if strings.Contains(entry, "\n") || mishapOf(err).file != fmt.Sprintf("prompt[%d]", p.count) {
		return err
	}
	return &justTyped{err}
}

// justTyped is an error in the line that stands above it on the screen.
type justTyped struct{ err error }

func (e *justTyped) Error() string { return e.err.Error() }
func (e *justTyped) Unwrap() error { return e.err }

// hint says once what puzzles everybody once.
func (p *prompt) hint(entry string) {
	if !p.hinted && p.look.terminal && isLocal(entry) {
		p.hinted = true
		fmt.Fprintln(p.out, "(a local ends with its entry; without the word local the name stays)")
	}
}
