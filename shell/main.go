package shell

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/plugins"
)

// Main is nsh with the given plugins: it reads the command line and gives the exit code. A program of one's own is
//
//	func main() { os.Exit(shell.Main(append(std.All(), mine.Plugin)...)) }
func Main(ps ...plugins.Plugin) int {
	args := os.Args[1:]
	// nsh may have started itself again, as a worker, a laboratory or behind the fence: then it is nothing else.
	role := len(args) > 0 && strings.HasPrefix(args[0], plugins.RolePrefix)
	switch {
	case role && args[0] == fence.ProbeArg:
		return fence.Probed()
	case role && args[0] == privateRole:
		return inside(args[1:], ps)
	case role:
		return playRole(args, ps)
	}
	c, err := parseArgs(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitUsage
	}
	a := &app{command: c, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	switch {
	case c.help:
		return write(os.Stdout, usage())
	case c.version:
		return write(os.Stdout, version()+"\n")
	case c.doctor:
		return write(os.Stdout, doctor())
	}
	if err := a.openScript(); err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitUsage
	}
	if a.private() {
		if code, done := a.startPrivate(args); done {
			return code
		}
	}
	if l := a.limits(); l != (fence.Limits{}) {
		if err := l.Apply(); err != nil {
			fmt.Fprintln(os.Stderr, "nsh: limits:", err)
			return exitFailed
		}
	}
	return a.run(ps)
}

// run is nsh in this very process.
func (a *app) run(ps []plugins.Plugin) int {
	var err error
	if a.set, err = plugins.NewSet(ps...); err != nil {
		fmt.Fprintln(a.err, "nsh:", err)
		return exitFailed
	}
	a.helper = newHelper(a.set)
	return a.main()
}

func playRole(args []string, ps []plugins.Plugin) int {
	set, err := plugins.NewSet(ps...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitFailed
	}
	if run, ok := set.Role(args); ok {
		return run()
	}
	fmt.Fprintf(os.Stderr, "nsh: no plugin has the role %s\n", strings.TrimPrefix(args[0], plugins.RolePrefix))
	return exitUsage
}

func write(w io.Writer, text string) int {
	if _, err := io.WriteString(w, text); err != nil {
		return exitFailed
	}
	return exitOK
}

// version names the build as far as Go recorded it.
func version() string {
	v := "development"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	return fmt.Sprintf("nsh %s (Lua 5.1, %s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
