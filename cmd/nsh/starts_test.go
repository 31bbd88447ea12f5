package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
)

// A way is one of those in which nsh is given a script.
type way struct {
	name     string
	private  bool // behind the fence: the script's process is the shell's child
	terminal bool
	args     func(file, text string) []string
	typed    func(file string) string
	stdin    bool
	binary   string // "" is the usual
}

func ways() []way {
	load := func(file string) string { return "dofile('" + file + "')\r" }
	return []way{
		{name: "file", private: true, args: func(file, _ string) []string { return []string{file} }},
		{name: "--host", args: func(file, _ string) []string { return []string{"--host", file} }},
		{name: "-", private: true, stdin: true, args: func(string, string) []string { return []string{"-"} }},
		{name: "-e", args: func(_, text string) []string { return []string{"-e", text} }},
		{name: "-i -e", terminal: true, args: func(_, text string) []string { return []string{"-i", "-e", text} }},
		{name: "prompt", terminal: true, args: func(string, string) []string { return nil }, typed: load},
		{name: "prompt --private", private: true, terminal: true, args: func(string, string) []string { return []string{"--private"} }, typed: load},
	}
}

func wayNamed(name string) way {
	for _, w := range ways() {
		if w.name == name {
			return w
		}
	}
	panic(name)
}

// A job is nsh as it was started for one test.
type job struct {
	*exec.Cmd
	t    *testing.T
	what string // for messages
	mark mark
	uid  int
	out  *terminal // what it prints, whether that is a terminal or not
	done chan struct{}
}

// launch starts nsh with a script, as root or as an ordinary user. If the file is for root alone, a copy in memory runs.
func launch(t *testing.T, w way, uid int, text string) *job {
	t.Helper()
	s := &job{t: t, mark: newMark(), uid: uid, what: fmt.Sprintf("%s as user %d", w.name, uid), done: make(chan struct{})}
	text = strings.ReplaceAll(text, "MARK", s.mark.number())
	file := filepath.Join(openDir(t), "script.lua")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	path := w.binary
	if path == "" {
		path = binary(t)
	}
	s.Cmd = exec.Command(path, w.args(file, text)...)
	s.Env = append(os.Environ(), s.mark.env(), "TERM=xterm", "HOME=/nonexistent", "NO_COLOR=1")
	s.SysProcAttr = &syscall.SysProcAttr{}
	if uid != os.Geteuid() {
		s.SysProcAttr = ordinary()
	}
	s.Dir = "/"
	s.out = newTerminal(t)
	if w.terminal {
		s.out.attach(s.Cmd)
	} else {
		s.pipes(w, text)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		s.Process.Kill()
		<-s.done
	})
	if w.typed != nil {
		if s.out.sees(patience, "nsh> ") < 0 {
			t.Fatalf("%s: no prompt: %q", s.what, s.out.all())
		}
		s.out.types(w.typed(file))
	}
	return s
}

// pipes makes what nsh prints be seen as that on a terminal is; it has none.
func (s *job) pipes(w way, text string) {
	r, out, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.Stdout, s.Stderr = out, out
	if w.stdin {
		s.Stdin = strings.NewReader(text)
	}
	go func() {
		io.Copy(s.out.tty, r)
		r.Close()
	}()
	s.t.Cleanup(func() { out.Close() })
}

// patience is for what happens at once, on a machine that does nothing else.
const patience = 20 * time.Second

// ends waits for the end, and gives the exit code; -1 is a signal's.
func (s *job) ends() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Errorf("%s does not end: %v; it printed %q", s.what, s.mark.processes(), s.out.all())
		s.Process.Kill()
		<-s.done
	}
	return s.ProcessState.ExitCode()
}

// appears waits for the process of a role, until nsh has ended; 0 is none.
func (s *job) appears(role string) int {
	for {
		select {
		case <-s.done:
			return 0
		default:
		}
		if pid := s.mark.find(role); pid != 0 {
			return pid
		}
		time.Sleep(time.Millisecond)
	}
}

// gone waits until nothing of it is left, and says how long that took. On a machine that does nothing else it is far less
// than a second; the kernel takes networks apart one after the other, those of everybody, so they are given longer.
func (s *job) gone() time.Duration {
	s.t.Helper()
	return s.goneWithin(rarely)
}

// Processes are gone within a second. The kernel takes namespaces apart in the background: usually within as long, but in
// one of some thousand kills it was seen to take five seconds.
const (
	usually = 3 * time.Second // on a machine that has other things to do
	rarely  = 15 * time.Second
)

// goneWithin is for many laboratories, or large ones.
func (s *job) goneWithin(leftBound time.Duration) time.Duration {
	s.t.Helper()
	start := time.Now()
	for {
		left := s.mark.processes()
		if len(left) == 0 && (os.Getenv(inYard) == "" || most(s.uid, 0)) {
			return time.Since(start)
		}
		if time.Since(start) > leftBound || len(left) > 0 && time.Since(start) > time.Second {
			if len(left) == 0 {
				s.t.Errorf("%s: a network namespace is left after %v; it printed %q", s.what, leftBound, s.out.all())
				for !most(s.uid, 0) && time.Since(start) < 3*time.Minute { // so that it is not the next one's
					time.Sleep(10 * time.Millisecond)
				}
				s.t.Errorf("it went away after %v", time.Since(start))
				return time.Since(start)
			}
			s.t.Fatalf("%s: left behind: %v; it printed %q", s.what, left, s.out.all())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// users are who runs nsh in a test: root and an ordinary user where there is root.
func users() []int {
	if os.Geteuid() == 0 {
		return []int{0, 65534}
	}
	return []int{os.Geteuid()}
}

// openDir is a temporary folder that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	return dir
}

// needsLaboratories skips a test where the machine forbids the namespaces that laboratories are made of.
func needsLaboratories(t *testing.T) {
	t.Helper()
	if _, err := fence.Probe(); err != nil {
		t.Skip("no laboratories here: ", fence.Why(err))
	}
}
