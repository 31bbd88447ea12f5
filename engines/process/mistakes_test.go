package process_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/process"
)

// echoes are the two ways of echo: a child of fork, and this program started again.
func echoes() map[string]engines.App {
	data := func(_ *engines.Conn, d []byte) ([]byte, error) { return d, nil }
	return map[string]engines.App{
		"fork": {Data: data, Recipe: &engines.Recipe{Bare: "echo"}},
		"exec": {Data: data, Recipe: &engines.Recipe{Args: []string{engines.RolePrefix + "enginetest-apart"}, Setup: []byte("the suite"),
			Pack: func() ([]byte, error) { return []byte("event echo"), nil }}},
	}
}

func start(t *testing.T, app engines.App, o engines.Options) *engines.Server {
	t.Helper()
	s, err := engines.Start(context.Background(), process.Model(), engines.Config{Options: o, Log: t.Logf}, app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

func dial(t *testing.T, s *engines.Server) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func eventually(t *testing.T, what string, f func() (string, bool)) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		seen, ok := f()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s; saw %s", what, seen)
		}
	}
}

// state is a process's state letter (proc(5)), or "".
func state(pid string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/stat")
	if i := strings.LastIndexByte(string(text), ')'); i >= 0 {
		return strings.Fields(string(text)[i+1:])[0]
	}
	return ""
}

func children(pid string) (pids []string) {
	lists, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

func inState(letter string) (n int) {
	for _, pid := range children("self") {
		if state(pid) == letter {
			n++
		}
	}
	return n
}

// As long as the parent has its copy, the end of the child's is not the end of the connection.
func TestKeepParentCopy(t *testing.T) {
	for name, app := range echoes() {
		t.Run(name, func(t *testing.T) {
			s := start(t, app, engines.Options{KeepParentCopy: true})
			c := dial(t, s)
			c.CloseWrite()
			eventually(t, "the child ends", func() (string, bool) {
				st := s.Stats()
				return fmt.Sprint(st.Processes, " processes"), st.Processes == 0 && st.Closed == 1
			})
			c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if n, err := c.Read(make([]byte, 1)); !os.IsTimeout(err) {
				t.Errorf("the client read %d bytes, %v, and was to see no end", n, err)
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
				t.Errorf("after the stop the client reads %v", err)
			}
		})
	}
}

func TestZombies(t *testing.T) {
	for name, app := range echoes() {
		t.Run(name, func(t *testing.T) {
			s := start(t, app, engines.Options{LeaveZombies: true})
			for range 3 {
				dial(t, s).Close()
			}
			eventually(t, "three zombies", func() (string, bool) {
				n := inState("Z")
				return fmt.Sprint(n), n == 3 && s.Stats().Processes == 0
			})
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if pids := children("self"); len(pids) > 0 {
				t.Errorf("the children %v are left after the stop", pids)
			}
		})
	}
}

// A child that is stopped (SIGSTOP) hears nothing, and is killed with the stop of the server.
func TestHangs(t *testing.T) {
	for name, app := range echoes() {
		t.Run(name, func(t *testing.T) {
			s := start(t, app, engines.Options{})
			dial(t, s)
			// Not in the middle of an exec, which would hold up the thread that waits for it.
			eventually(t, "the children are there", func() (string, bool) {
				pids := children("self")
				for _, pid := range pids {
					if comm, _ := os.ReadFile("/proc/" + pid + "/comm"); name == "exec" && string(comm) != "nsh\n" {
						return pid + " is " + string(comm), false
					}
				}
				return fmt.Sprint(pids), len(pids) == map[string]int{"fork": 1, "exec": 3}[name]
			})
			for _, pid := range children("self") {
				n, _ := strconv.Atoi(pid)
				syscall.Kill(n, syscall.SIGSTOP)
			}
			began := time.Now()
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stop took %v", took)
			}
			if pids := children("self"); len(pids) > 0 {
				t.Errorf("the children %v are left after the stop", pids)
			}
		})
	}
}

// parentRole is this program as a server whose children outlive nothing.
const parentRole = "process-parent"

func runParent(kind string) int {
	s, err := engines.Start(context.Background(), process.Model(), engines.Config{}, echoes()[kind])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(s.Addr())
	select {}
}

// When the parent is killed its children die: those that serve, and those that stand ready.
func TestParentDies(t *testing.T) {
	for kind := range echoes() {
		t.Run(kind, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", parentRole, kind)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			addr, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", strings.TrimSpace(addr))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			pids := children(strconv.Itoa(cmd.Process.Pid))
			if len(pids) == 0 {
				t.Fatal("the server has no children")
			}
			cmd.Process.Kill()
			cmd.Wait()
			eventually(t, "the children die", func() (string, bool) {
				for _, pid := range pids {
					if s := state(pid); s != "" && s != "Z" {
						return pid + " is " + s, false
					}
				}
				return "", true
			})
		})
	}
}
