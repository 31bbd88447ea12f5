package shell

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nsh-lab/nsh/lua"
)

// runAll runs sources one after the other, up to the first that fails. ended says that no prompt is to follow: the
// script asked for the end, or a signal did.
func (s *session) runAll(runs []source) (code int, ended bool) {
	for _, r := range runs {
		err := s.runSource(r)
		var exit *lua.ExitError
		switch {
		case err == nil:
			continue
		case s.guard.asked() != 0:
			return s.guard.asked(), true
		case errors.As(err, &exit):
			if exit.Text != "" {
				fmt.Fprintln(s.err, exit.Text)
			}
			return exit.Code, true
		case errors.Is(err, context.Canceled):
			fmt.Fprintln(s.err, "interrupted")
			return exitInterrupted, false
		}
		s.complain(err)
		return exitFailed, false
	}
	return exitOK, false
}

func (s *session) runSource(r source) error {
	s.texts[r.name] = r.text
	if r.wanted {
		c, expression, _, err := compileEntry(r.name, r.text)
		if err != nil {
			return err
		}
		return s.run(c, expression)
	}
	c, err := lua.Compile(r.name, r.text)
	if err != nil {
		return err
	}
	return s.run(c, false)
}

// close ends the world after a script; what failed by then counts: checks, and fibers that nobody joined.
func (s *session) close(code int) int {
	s.end()
	if asked := s.guard.asked(); asked != 0 {
		return asked
	}
	if exit := s.world.Exited(); exit != nil && code == exitOK {
		code = exit.Code
	}
	if code == exitOK && s.world.Failures() > 0 {
		return exitFailed
	}
	return code
}

// end closes the world. A second Ctrl-C does not wait for that.
func (s *session) end() {
	s.guard.closing(func() {
		s.guard.restore()
		os.Exit(exitInterrupted)
	})
	s.world.Close()
}
