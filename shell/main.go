package shell

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/nsh-lab/nsh/plugins"
)

// Main is nsh with the given plugins: it reads the command line and gives the exit code. A program of one's own is
//
//	func main() { os.Exit(shell.Main(append(std.All(), mine.Plugin)...)) }
func Main(ps ...plugins.Plugin) int {
	set, err := plugins.NewSet(ps...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitFailed
	}
	// nsh may have started itself again, as a worker or a laboratory: then it is nothing else.
	args := os.Args[1:]
	if run, ok := set.Role(args); ok {
		return run()
	}
	if len(args) > 0 && strings.HasPrefix(args[0], plugins.RolePrefix) {
		fmt.Fprintf(os.Stderr, "nsh: no plugin has the role %s\n", strings.TrimPrefix(args[0], plugins.RolePrefix))
		return exitUsage
	}
	c, err := parseArgs(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return exitUsage
	}
	switch {
	case c.help:
		return write(os.Stdout, usage())
	case c.version:
		return write(os.Stdout, version()+"\n")
	}
	a := &app{set: set, command: c, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	return a.main()
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
