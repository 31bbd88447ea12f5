package prefork_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/prefork"
	"golang.org/x/sys/unix"
)

func echo() engines.App {
	return engines.App{Data: func(_ *engines.Conn, d []byte) ([]byte, error) { return d, nil },
		Recipe: &engines.Recipe{Args: []string{engines.RolePrefix + "enginetest-apart"}, Setup: []byte("the suite"),
			Pack: func() ([]byte, error) { return []byte("event echo"), nil }}}
}

func start(t *testing.T, app engines.App, workers int) *engines.Server {
	t.Helper()
	s, err := engines.Start(context.Background(), prefork.Model(), engines.Config{Options: engines.Options{Workers: workers}, Log: t.Logf}, app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
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

func children() (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			n, _ := strconv.Atoi(word)
			pids = append(pids, n)
		}
	}
	return pids
}

// exchange is one client's visit.
func exchange(s *engines.Server, limit time.Duration) error {
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	n, err := c.Read(make([]byte, 5))
	if err == nil && n != 5 {
		err = fmt.Errorf("%d bytes came", n)
	}
	return err
}

// A worker without descriptors leaves connections in the kernel's queue, says so, and serves them when it has some.
func TestWorkerShortage(t *testing.T) {
	bare := echo()
	bare.Recipe = &engines.Recipe{Bare: "echo"}
	for name, app := range map[string]engines.App{"exec": echo(), "fork": bare} {
		t.Run(name, func(t *testing.T) { shortage(t, app) })
	}
}

func shortage(t *testing.T, app engines.App) {
	s := start(t, app, 1)
	if err := exchange(s, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	pid := children()[0]
	var enough unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &enough); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: 0, Max: enough.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	// accept(2) has its descriptor before it sleeps, so the first one that comes still gets in, and no further.
	exchange(s, 300*time.Millisecond)
	served := make(chan error, 1)
	engines.Go("a client", func() error { return exchange(s, 10*time.Second) }, func(err error) { served <- err })
	eventually(t, "the shortage is counted, in words", func() (string, bool) {
		st := s.Stats()
		said := fmt.Sprint(st.Reasons)
		return said, strings.Contains(said, "EMFILE") && strings.Contains(said, "as many descriptors")
	})
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &enough, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A worker that cannot be made, or does not get ready, is tried again after pauses, and the server can be stopped.
func TestWorkerFails(t *testing.T) {
	app := echo()
	app.Recipe.Setup = []byte("another suite")
	s := start(t, app, 2)
	eventually(t, "the failures are counted", func() (string, bool) {
		st := s.Stats()
		return fmt.Sprint(st.Reasons), st.Errors >= 3 && strings.Contains(fmt.Sprint(st.Reasons), "a worker ended")
	})
}

// The role is no use to anybody who types it.
func TestRoleByHand(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", engines.RolePrefix+"enginetest-apart")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "for nsh itself") {
		t.Errorf("%v: %s", err, out)
	}
}
