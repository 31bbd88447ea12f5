package shell

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// privateRole is nsh behind the fence; the arguments of the one outside follow.
const privateRole = plugins.RolePrefix + "private"

// What a script file may use when nothing else is said: more than any lesson needs, less than hurts.
const (
	usualMemory = 4 << 30
	usualCPU    = time.Hour
)

// private says whether this start is to have a network of its own.
func (a *app) private() bool { return a.held() || a.command.private }

// startPrivate starts nsh again behind the fence and stays beside it until it ends. done is false where there can be no
// fence; a line has said so.
func (a *app) startPrivate(args []string) (code int, done bool) {
	s := &supervisor{err: a.err, subject: a.subject(), time: a.command.time, limits: a.limits(), prompt: a.asks()}
	s.listen()
	defer signal.Stop(s.signals)
	files, err := a.openFolders()
	if err != nil {
		fmt.Fprintln(a.err, "nsh:", err)
		return exitUsage, true
	}
	s.child, err = fence.Start(fence.Config{
		Args: append([]string{privateRole}, args...), Env: a.environment(os.Environ()),
		Stdin: a.in, Stdout: a.out, Stderr: a.err, Script: a.script,
	})
	if err == nil {
		if err = s.child.Ready(); err != nil {
			s.child.Signal(syscall.SIGKILL)
			s.child.Wait()
			s.child.Close()
		}
	}
	if err != nil {
		files.Close()
		if code := s.early(); code != 0 {
			return code, true
		}
		if errors.Is(err, fence.ErrDied) {
			fmt.Fprintf(a.err, "nsh: %s did not start: %v\n", a.subject(), err)
			return exitFailed, true
		}
		fmt.Fprintf(a.err, "nsh: %s gets no network of its own, and is held to loopback addresses: %s\n", a.subject(), fence.Why(err))
		return 0, false
	}
	return s.run(files), true
}

// asks says whether there will be a prompt.
func (a *app) asks() bool {
	return a.command.stay || !a.command.explicit && isTerminal(a.in)
}

// subject is what messages call that which runs.
func (a *app) subject() string {
	c := a.command
	switch {
	case c.file != "" && c.file != "-":
		return c.file
	case len(c.code) > 0:
		return "-e"
	case a.asks():
		return "the prompt"
	}
	return "the script"
}

// openFolders opens those that a script may read and write in.
func (a *app) openFolders() (*fence.Files, error) {
	files, err := fence.OpenFiles(filepath.Dir(a.command.file), a.command.out)
	if err != nil {
		return nil, fmt.Errorf("--out %s: %w", a.command.out, unwrapPath(err))
	}
	return files, nil
}

// environment is all for a person's prompt; for a script no more than how to print, and what Go's runtime is told.
func (a *app) environment(all []string) []string {
	if !a.held() {
		return all
	}
	known := map[string]bool{}
	for _, name := range strings.Fields("TERM NO_COLOR COLORTERM LANG LC_ALL LC_CTYPE TZ GODEBUG GOMAXPROCS GOGC GORACE GOTRACEBACK GOCOVERDIR") {
		known[name] = true
	}
	var some []string
	for _, e := range all {
		if name, _, _ := strings.Cut(e, "="); known[name] {
			some = append(some, e)
		}
	}
	return some
}

// limits are those of the process that runs Lua.
func (a *app) limits() fence.Limits {
	l := fence.Limits{Memory: a.command.memory}
	if !a.held() {
		return l
	}
	if l.Memory == 0 {
		l.Memory = usualMemory
	}
	l.CPU = usualCPU
	return l
}

// inside is nsh started by startPrivate.
func inside(args []string, ps []plugins.Plugin) int {
	c, err := parseArgs(args)
	if err != nil {
		return exitUsage
	}
	a := &app{command: c, in: os.Stdin, out: os.Stdout, getenv: os.Getenv}
	limits := a.limits()
	if limits.Memory > 0 {
		debug.SetMemoryLimit(int64(limits.Memory / 10 * 8)) // the collector takes pains before the kernel says no
	}
	root := fence.AllFiles
	if a.held() {
		root = fence.NoFiles
	}
	in, err := fence.Enter(fence.Options{Root: root, Limits: limits})
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitFailed
	}
	lua.Go("parent", nil, func() {
		in.Watch()
		os.Exit(exitFailed)
	})
	// Whatever writes to the standard error means the person's; what the runtime itself writes goes to the parent.
	os.Stderr = in.Stderr
	a.err, a.script, a.inside = in.Stderr, in.Script, in
	if a.held() {
		a.files = in.Files
	}
	return a.run(ps)
}
