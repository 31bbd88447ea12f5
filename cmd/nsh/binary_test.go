package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nsh-lab/nsh/plugins"
)

// A program is a file of nsh that nobody else runs, so that its processes can be told from all others. A test that runs
// as an ordinary user is given one, as the go command is not there: NSH_TEST_BINARY.
type program struct {
	path string
	made string // the folder that was made for it
	err  error
}

// theProgram is built when it is first wanted.
var theProgram = sync.OnceValue(func() program {
	if path := os.Getenv("NSH_TEST_BINARY"); path != "" {
		return program{path: path}
	}
	dir, err := os.MkdirTemp("", "nsh-test-")
	if err != nil {
		return program{err: err}
	}
	p := program{path: filepath.Join(dir, "nsh"), made: dir}
	if err := os.Chmod(dir, 0o755); err != nil {
		p.err = err
	} else if out, err := exec.Command("go", "build", "-o", p.path, ".").CombinedOutput(); err != nil {
		p.err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	built = p.made
	return p
})

// built is the folder to remove at the end.
var built string

func forgetBinary() {
	if built != "" {
		os.RemoveAll(built)
	}
}

// binary is the path of nsh.
func binary(t *testing.T) string {
	t.Helper()
	p := theProgram()
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.path
}

// A mark is in the environment of every process of one start of nsh: Go's runtime passes over what it does not know in
// GODEBUG, and nsh tells it to all its processes.
type mark string

func newMark() mark { return mark(fmt.Sprintf("nshtest%016x=1", rand.Uint64())) }

func (m mark) env() string { return "GODEBUG=" + string(m) }

// A process is one that runs, by its number and what it is: a role of nsh, "shell", or the name of another program.
type process struct {
	pid int
	is  string
}

// processes finds those that carry the mark. A program that is run on a host has an environment of its own, but the
// number that it was given as an argument.
func (m mark) processes() (out []process) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := "/proc/" + e.Name()
		environ, _ := os.ReadFile(dir + "/environ")
		args, _ := os.ReadFile(dir + "/cmdline")
		if !bytes.Contains(environ, []byte(m)) && !bytes.Contains(args, []byte(m.number())) {
			continue
		}
		is := "shell"
		if words := strings.Split(string(args), "\x00"); len(words) > 1 {
			if role, ok := strings.CutPrefix(words[1], plugins.RolePrefix); ok {
				is = role
			} else if bytes.Contains(args, []byte(m.number())) {
				is = words[0]
			}
		}
		if stat, err := os.ReadFile(dir + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
			continue // a zombie is its parent's to bury
		}
		out = append(out, process{pid, is})
	}
	return out
}

// number is an argument for sleep(1) that nobody else gives it.
func (m mark) number() string {
	n, _ := strconv.ParseUint(string(m)[7:23], 16, 64)
	return fmt.Sprintf("61.%020d", n)
}

// find is the process of a role, or 0.
func (m mark) find(role string) int {
	for _, p := range m.processes() {
		if p.is == role {
			return p.pid
		}
	}
	return 0
}

// sameFile finds the processes that run the binary, whatever else they are.
func running(path string) (pids []int) {
	want, err := os.Stat(path)
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if exe, err := os.Stat("/proc/" + e.Name() + "/exe"); err == nil && os.SameFile(want, exe) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// rounds is how often a test with a random moment is repeated: NSH_ROUNDS, or 10.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("NSH_ROUNDS")); err == nil {
		return n
	}
	return 10
}

// ordinary is who runs nsh when it is not root.
func ordinary() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}
