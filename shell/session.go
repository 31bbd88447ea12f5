package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// A session is one Lua world and the person, or the pipe, before it.
type session struct {
	world *lua.World
	guard *guard
	look  look
	out   io.Writer
	err   io.Writer
	texts map[string]string // chunks by name
	json  bool
}

// A look says how output is laid out.
type look struct {
	terminal bool // somebody reads it on a screen
	color    bool
	fd       int
}

// rowsShown is how much of one value is shown on a screen.
const rowsShown = 100

func (l look) width() int { return terminalWidth(l.fd) }

// options are asked for each value: a terminal's width changes.
func (l look) options() show.Options {
	if !l.terminal {
		return show.Options{Raw: true}
	}
	return show.Options{Width: l.width(), Items: rowsShown, Color: l.color}
}

// lookOf decides by the output and the environment: no colours in a file, on a dumb terminal, or against NO_COLOR.
func lookOf(out *os.File, noColor bool, getenv func(string) string) look {
	tty := isTerminal(out)
	dumb := getenv("TERM") == "dumb" || getenv("TERM") == ""
	return look{terminal: tty, color: tty && !dumb && !noColor && getenv("NO_COLOR") == "", fd: int(out.Fd())}
}

// run runs a chunk until it returns or Ctrl-C, and prints its values if they are wanted.
func (s *session) run(c *lua.Chunk, wanted bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.guard.running(cancel)
	defer s.guard.running(nil)
	values, cancelled, err := s.exec(ctx, c)
	if err == nil && wanted {
		err = s.printAll(ctx, values)
	}
	if err != nil && ctx.Err() != nil && s.free() || cancelled {
		fmt.Fprintln(s.err, "a fiber that let nobody else run was cancelled")
	}
	return err
}

// exec is Exec for a person who waits: after Ctrl-C, a fiber that computes without end, and so keeps the cancelled run
// from coming back, is cancelled, too.
func (s *session) exec(ctx context.Context, c *lua.Chunk) (values []lua.Value, cancelled bool, err error) {
	back := s.insist(ctx)
	values, err = s.world.Exec(ctx, c)
	cancelled = back()
	if exit := s.world.Exited(); err != nil && exit != nil {
		return nil, cancelled, exit
	}
	return values, cancelled, err
}

// insist sees to it that what needs the baton comes back soon once ctx has ended: a fiber that computes without end, and
// so lets nobody else run, is cancelled, and then the next one of its kind. The function it returns ends that, and says
// whether there was one.
func (s *session) insist(ctx context.Context) (back func() bool) {
	done := make(chan struct{})
	var cancelled atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		for wait := selfish; ; wait = selfish / 4 {
			before := s.world.Turns()
			select {
			case <-done:
				return
			case <-time.After(wait):
				if s.world.Turns() == before && s.world.Interrupt() {
					cancelled.Store(true)
				}
			}
		}
	})
	return func() bool {
		stop()
		close(done)
		return cancelled.Load()
	}
}

// selfish is how long a fiber may keep everybody else from running once Ctrl-C was pressed. The prompt is to be back in
// a quarter of a second, on a machine that has other things to do, too.
const selfish = 60 * time.Millisecond

// printAll prints values as print would, and keeps the first in _.
func (s *session) printAll(ctx context.Context, values []lua.Value) error {
	if len(values) == 0 {
		return nil
	}
	var text string
	if err := s.held(ctx, func() { text = s.layOut(values) }); err != nil {
		return err
	}
	if w, ok := s.out.(interface{ freshLine() }); ok {
		w.freshLine() // what was called may have printed something of its own
	}
	if _, err := io.WriteString(s.out, text+"\n"); err != nil {
		return &lua.ExitError{Code: exitFailed}
	}
	keep, err := lua.Compile("_", "_ = ...")
	if err != nil {
		return err
	}
	_, err = s.world.Exec(ctx, keep, values[0])
	return err
}

func (s *session) layOut(values []lua.Value) string {
	o := s.look.options()
	texts := make([]string, len(values))
	between := "\t"
	for i, v := range values {
		n := s.world.Show(v)
		if s.json {
			texts[i], between = show.JSON(n), "\n"
			continue
		}
		texts[i] = show.Text(n, o)
		if strings.Contains(texts[i], "\n") {
			between = "\n"
		}
	}
	return strings.Join(texts, between)
}

// held does something that needs the baton. If a fiber that computes for ever holds it, Ctrl-C ends that fiber.
func (s *session) held(ctx context.Context, f func()) error {
	done := make(chan error, 1)
	defer s.insist(ctx)()
	lua.Go("print", func(err error) { done <- err }, func() {
		f()
		done <- ctx.Err()
	})
	return <-done
}

// free sees to it, after Ctrl-C, that the next line can run: a fiber that computes without end is cancelled. It says
// whether there was one.
func (s *session) free() bool {
	nothing, err := lua.Compile("_", "")
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	ended, end := context.WithCancel(ctx)
	end()
	back := s.insist(ended)
	s.world.Exec(ctx, nothing)
	return back()
}

// patient is how long the prompt waits for a world that nothing can interrupt.
const patient = time.Second

// source is the text of a chunk: what was typed or run, or a file that was required.
func (s *session) source(name string) (string, bool) {
	if text, ok := s.texts[name]; ok {
		return text, true
	}
	f, err := s.world.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return "", false
	}
	defer f.Close()
	const most = 4 << 20
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return "", false
	}
	data, err := io.ReadAll(f)
	return string(data), err == nil
}

// complain prints an error.
func (s *session) complain(err error) {
	text := report(err, s.source, s.errorWidth())
	if s.look.color {
		head, rest, _ := strings.Cut(text, "\n")
		text = "\x1b[31m" + head + "\x1b[0m\n" + rest
	}
	io.WriteString(s.err, text)
}

func (s *session) errorWidth() int {
	if s.look.terminal {
		return s.look.width()
	}
	return 0
}
