package fence

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays both sides: "outer" starts "inner" behind the fence, where it tries things.
const (
	outerArg = "fence-test:outer"
	innerArg = "fence-test:inner"

	// raceEnv keeps a process with the race detector from sleeping for a second before it ends.
	raceEnv = "GORACE=atexit_sleep_ms=0"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case outerArg:
			os.Exit(outer(os.Args[2:]))
		case innerArg:
			os.Exit(inner(os.Args[2], os.Args[3:]))
		case ProbeArg:
			os.Exit(Probed())
		}
	}
	os.Exit(m.Run())
}

// outer is FOLDER OUT HANDED PROBE ARGS…: it starts the inner process, hands a file over and opens files for it.
func outer(args []string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "outer:", err)
		return 3
	}
	files, err := OpenFiles(args[0], args[1])
	if err != nil {
		return fail(err)
	}
	c := Config{Args: append([]string{innerArg}, args[3:]...), Env: []string{raceEnv}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if args[2] != "" {
		if c.Script, err = os.Open(args[2]); err != nil {
			return fail(err)
		}
	}
	child, err := Start(c)
	if err != nil {
		return fail(err)
	}
	if err := child.Ready(); err != nil {
		return fail(err)
	}
	go child.Serve(files)
	crash := make(chan string, 1)
	go func() { crash <- child.Crash() }()
	state, err := child.Wait()
	if err != nil {
		return fail(err)
	}
	fmt.Fprint(os.Stderr, <-crash)
	return state.ExitCode()
}

// A start says how the outer process is started.
type start struct {
	user              int // 0 is root
	folder, out, hand string
}

// users are those that a test runs as: both, if it may choose.
func users() map[string]int {
	if os.Geteuid() != 0 {
		return map[string]int{"user": os.Geteuid()}
	}
	return map[string]int{"root": 0, "user": nobody}
}

// command is the outer process, not started yet.
func (s start) command(ctx context.Context, probe string, args ...string) *exec.Cmd {
	if s.folder == "" {
		s.folder = "/"
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{outerArg, s.folder, s.out, s.hand, probe}, args...)...)
	cmd.Env = append(os.Environ(), raceEnv)
	if s.user != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.user), Gid: uint32(s.user)}}
	}
	return cmd
}

// try runs a probe behind the fence and gives what it printed.
func (s start) try(t *testing.T, probe string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := s.command(ctx, probe, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	if strings.Contains(errs.String(), "outer:") {
		if _, why := Probe(); why != nil {
			t.Skip("no user namespaces here: ", Why(why))
		}
		t.Fatal(errs.String())
	}
	if errs.Len() > 0 {
		t.Logf("%.500s", errs.String())
	}
	return strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()
}
