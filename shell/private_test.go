package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
)

// needsFence skips where there are no namespaces.
func needsFence(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NSH_SHELL_TEST", "") // the probe starts this binary by its role
	if _, err := fence.Probe(); err != nil {
		t.Skip(self, ": ", fence.Why(err))
	}
}

// TestPrivateWays gives a script to nsh in every way there is.
func TestPrivateWays(t *testing.T) {
	dir := t.TempDir() // which is 0700 above, and root's where root tests
	for name, text := range map[string]string{
		"lab/main.lua":   `print(require("sib").name, io.open(arg[1] or "lab/data.txt"):read("*l"))`,
		"lab/sib.lua":    `return {name = "sibling"}`,
		"lab/data.txt":   "data\n",
		"lab/write.lua":  `local f = assert(io.open("made.txt", "w")) f:write("a", 1, "\n") f:close() print(io.open("made.txt"):read("*a"))`,
		"lab/seek.lua":   `local f = assert(io.open("s", "w+")) f:write("hello world") f:seek("set", 6) print(f:read("*l"), f:seek("cur"), f:seek("end")) f:close() for l in io.lines("s") do print(l) end`,
		"lab/fails.lua":  "local m = require('wrong')\n",
		"lab/wrong.lua":  "local t\nreturn t.x\n",
		"lab/escape.lua": `print(io.open("/etc/passwd")) print(io.open("../secret")) print(pcall(require, "..secret")) print(io.open("x", "w"))`,
		"secret":         "SECRET",
		"secret.lua":     "return 'SECRET'",
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("lab/main.lua", filepath.Join(dir, "link.lua"))
	os.Symlink("lab", filepath.Join(dir, "folder"))
	for _, c := range []struct {
		args, stdin string
		code        int
		out, err    string
	}{
		{"lab/main.lua", "", 0, "sibling\tdata\n", ""},
		{dir + "/lab/main.lua " + dir + "/lab/data.txt", "", 0, "sibling\tdata\n", ""},
		{"./lab/../lab/main.lua", "", 0, "sibling\tdata\n", ""},
		{"folder/main.lua folder/data.txt", "", 0, "sibling\tdata\n", ""},
		{"link.lua lab/data.txt", "", 1, "", "no module 'sib'"}, // the folder is the link's
		{"-", "print(require('lab.sib').name, arg[0])", 0, "sibling\t-\n", ""},
		{"", "print(require('lab.sib').name)", 0, "sibling\n", ""},
		{"--out made lab/write.lua", "", 0, "a1\n\n", ""},
		{"--out=" + dir + "/made lab/seek.lua", "", 0, "world\t11\t11\nhello world\n", ""},
		{"lab/write.lua", "", 1, "", "--out"},
		{"--out nowhere/at/all lab/write.lua", "", 2, "", "nsh: --out nowhere/at/all: no such file or directory"},
		{"lab/fails.lua", "", 1, "", "lab/wrong.lua:2: attempt to index a nil value (local 't')\n  2 | return t.x\n    |        ^\n"},
		{"lab/escape.lua", "", 0, "", ""},
		{"--private -e print(os.getenv('HOME')~=nil) -e demo.allowed('192.0.2.1')", "", 0, "true\ntrue\n", ""},
		{"-e os.execute('true') --private", "", 0, "0\n", ""},
	} {
		cmd := nsh(t, strings.Fields(c.args)...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.stdin)
		got := finish(t, cmd)
		if got.code != c.code || c.out != "" && got.out != c.out || !strings.Contains(got.stderr, c.err) || c.err == "" && got.stderr != "" || strings.Contains(got.out, "SECRET") {
			t.Errorf("nsh %s: exit code %d\nout: %s\nerr: %s", c.args, got.code, got.out, got.stderr)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "made/made.txt")); err != nil || string(data) != "a1\n" {
		t.Errorf("made.txt: %q %v", data, err)
	}
}

func TestPrivateForbidden(t *testing.T) {
	needsFence(t)
	cmd := nsh(t, script(t, "print(demo.allowed('127.0.0.1'), (demo.allowed('192.0.2.1')), (io.open('/etc/passwd')))"))
	cmd.Env[0] = "NSH_SHELL_TEST=forbidden"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	got := finish(t, cmd)
	if got.code != 0 || got.out != "true\tnil\tnil\n" || strings.Count(got.stderr, "\n") != 1 ||
		!strings.Contains(got.stderr, "gets no network of its own, and is held to loopback addresses: user.max_user_namespaces is 0\n") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.stderr)
	}
}

// TestPrivatePrompt is a person in a network of its own.
func TestPrivatePrompt(t *testing.T) {
	needsFence(t)
	r := startPrompt(t, nil, "--private")
	r.sees("in a network of its own")
	r.sees(firstPrompt)
	r.types("print('g' .. 'o') demo.wait()\r")
	r.sees("go\r\n")
	r.cmd.Process.Signal(syscall.SIGINT)
	r.sees("interrupted")
	r.sees(firstPrompt)
	r.types("io.open('/proc/net/route'):read('*a')\r")
	r.sees("Iface")
	r.sees(firstPrompt)
	r.types("\x04")
	r.ends(0)
}

// TestPrivateCtrlC measures how long a file takes to end.
func TestPrivateCtrlC(t *testing.T) {
	for name, text := range map[string]string{
		"wait": "print('go') demo.wait()", "sleep": "print('go') fiber.sleep(60)", "loop": "print('go') while true do end",
		"caught": "print('go') while true do pcall(fiber.sleep, 60) end", "join": "print('go') fiber.spawn(fiber.sleep, 60):join()",
		"channel": "print('go') fiber.channel():recv()", "stdin": "print('go') io.read()", "pattern": "print('go') local s = ('a'):rep(40) s:find(('a*'):rep(40) .. 'b')",
	} {
		t.Run(name, func(t *testing.T) {
			for try := 1; ; try++ { // a machine with other things to do may hold up one try
				took := endByCtrlC(t, text)
				t.Log(took.Round(time.Millisecond))
				if took <= time.Second { // 250 ms on a machine that does nothing else
					return
				} else if try == 3 {
					t.Fatalf("it ended after %v", took)
				}
			}
		})
	}
}

// endByCtrlC starts a file, presses Ctrl-C and says how long it took to end.
func endByCtrlC(t *testing.T, text string) time.Duration {
	t.Helper()
	p, tty := sit(t)
	cmd := nsh(t, script(t, text))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }).Stop()
	p.sees("go\r\n")
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	p.types("\x03")
	cmd.Wait()
	took := time.Since(start)
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	p.sees("interrupted")
	return took
}

// mark is an argument of both processes of one start of nsh, to find them by.
func mark(t *testing.T, n int) string { return fmt.Sprintf("token-%d-%s-%d", os.Getpid(), t.Name(), n) }

// processes finds those that have the token among their arguments.
func processes(token string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		var pid int
		if n, _ := fmt.Sscan(e.Name(), &pid); n != 1 {
			continue
		}
		if args, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && strings.Contains(string(args), token) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until no process with the token is left.
func gone(t *testing.T, token string) {
	t.Helper()
	deadline := time.Now().Add(time.Second)
	for len(processes(token)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", processes(token))
		}
		time.Sleep(time.Millisecond)
	}
}
