package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An end is a way for nsh to end that nobody forces.
type end struct {
	name string
	last string // what the script does in the end
	sig  syscall.Signal
	hang bool // the terminal is closed
	code []int
}

func endings() []end {
	return []end{
		{name: "the last line", last: "print('the last line')", code: []int{0}},
		{name: "an error", last: "error('on purpose')", code: []int{1}},
		{name: "os.exit", last: "os.exit(3)", code: []int{3}},
		{name: "SIGTERM", sig: syscall.SIGTERM, code: []int{143}},
		{name: "SIGHUP", sig: syscall.SIGHUP, code: []int{129}},
		{name: "SIGQUIT", sig: syscall.SIGQUIT, code: []int{131, 2}}, // 2 is Go's runtime, which says where everybody was
		{name: "SIGINT", sig: syscall.SIGINT, code: []int{130}},
		{name: "a closed terminal", hang: true, code: []int{129}},
	}
}

// aLaboratory is one with traffic, which is left as it is.
const aLaboratory = `
local l, a, r, b = assert(lab.line("a", "r", "b"))
local s = assert(server.start{model = "epoll", handler = "echo", on = b})
local c = assert(client.dial("b:" .. s.port, {on = a}))
c:send("ping\n")
c:recv("line")
fiber.spawn(function() while true do c:send("ping\n") c:recv("line") fiber.sleep(0.001) end end)
`

// cutOff is a laboratory with a connection whose data cannot get there: the kernel would keep that, and with it the
// host's network, for two minutes after the connection is closed.
const cutOff = `
local l, a, r, b = assert(lab.line("a", "r", "b"))
local s = assert(server.start{model = "thread", handler = function() fiber.sleep(3600) end, on = b})
local c = assert(client.dial(s.addr, {on = a}))
l.links[1]:cut()
c:send(("x"):rep(10000))
`

// TestCutOff ends nsh in order while a laboratory's link is cut.
func TestCutOff(t *testing.T) {
	needsLaboratories(t)
	if yard(t) {
		return
	}
	for _, e := range endings() {
		if e.sig == syscall.SIGQUIT { // which is no order
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			w := wayNamed([]string{"file", "--host"}[rand.N(2)])
			w.terminal = e.hang || e.sig == syscall.SIGINT
			e.happens(t, w, users()[rand.N(len(users()))], cutOff, 0)
		})
	}
}

// TestNothingLeftInOrder ends nsh in order, and by signals at random moments.
func TestNothingLeftInOrder(t *testing.T) {
	needsLaboratories(t)
	if yard(t) {
		return
	}
	watchMachine(t)
	bound := usual(t) * 2
	for _, e := range endings() {
		for _, name := range []string{"file", "--host", "-e"} {
			t.Run(e.name+", "+name, func(t *testing.T) {
				for range max(1, rounds()/10) {
					w := wayNamed(name)
					w.terminal = e.hang || e.sig == syscall.SIGINT
					e.happens(t, w, users()[rand.N(len(users()))], aLaboratory, rand.N(bound))
				}
			})
		}
	}
}

func (e end) happens(t *testing.T, w way, uid int, text string, after time.Duration) {
	text += e.last
	if e.last == "" { // until it happens
		text += "print('it is up') fiber.sleep(3600)"
	}
	s := launch(t, w, uid, text)
	if e.last == "" {
		s.what += fmt.Sprintf(", %s after %v", e.name, after)
		if e.hang || after == 0 { // before nsh is there to be told, it would not know
			s.out.sees(patience, "it is up")
		}
		time.Sleep(after)
	}
	switch {
	case e.sig != 0:
		s.Process.Signal(e.sig)
	case e.hang:
		s.out.hangUp()
	}
	code, ok := s.ends(), false
	for _, c := range e.code {
		ok = ok || c == code
	}
	if e.sig != 0 && s.ProcessState.Sys().(syscall.WaitStatus).Signal() == e.sig {
		ok = true // before nsh had anything to do in the end
	}
	if !ok {
		t.Errorf("%s: exit code %d, wanted %v: %q", s.what, code, e.code, s.out.all())
	}
	s.gone()
}

// TestNothingLeftInMemory is nsh from a file that only root may read, so that it starts a copy in memory: that is found,
// and ended, too.
func TestNothingLeftInMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's file may be unreadable to whom its children become")
	}
	needsLaboratories(t)
	own := filepath.Join(t.TempDir(), "nsh")
	if out, err := exec.Command("cp", binary(t), own).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	os.Chmod(own, 0o700)
	os.Chmod(filepath.Dir(own), 0o700)
	for _, w := range []way{wayNamed("file"), wayNamed("--host")} {
		w.binary = own
		for _, role := range []string{"shell", "lab"} {
			s := launch(t, w, 0, busy)
			if s.out.sees(patience, "it is up") < 0 {
				t.Fatalf("%s: %q", s.what, s.out.all())
			}
			pid := s.appears(role)
			for _, p := range s.mark.processes() {
				exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
				if inMemory := exe == "/memfd:nsh (deleted)"; inMemory != (p.is != "shell") {
					t.Errorf("%s: the process %s runs %s", s.what, p.is, exe)
				}
			}
			syscall.Kill(pid, syscall.SIGKILL)
			s.ends()
			s.gone()
		}
	}
}
