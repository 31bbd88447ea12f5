package shell

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A result is what a start of nsh left behind.
type result struct {
	code        int
	out, stderr string
}

// nsh is a command that starts nsh, with nothing of the test's environment.
func nsh(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = []string{"NSH_SHELL_TEST=1", "TERM=xterm", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
		"GORACE=atexit_sleep_ms=0"} // or each process sleeps for a second before it ends
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lab.lua")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		args  string // FILE is a script of the text below
		text  string // the script, or the standard input
		code  int
		out   string // exactly
		error string // contained
	}{
		"script":            {"FILE a b", "print(arg[1], arg[2], #arg)", 0, "a\tb\t2\n", ""},
		"first line":        {"FILE", "#!/usr/bin/env nsh\nprint(1)\nerror('here')", 1, "1\n", "lab.lua:3: here\n  3 | error('here')\n"},
		"syntax":            {"FILE", "local a = 1\nx = = 2\n", 1, "", "lab.lua:2: syntax error near '='\n  2 | x = = 2\n    |     ^\n"},
		"option":            {"FILE", "demo.start{modle = 'x'}", 1, "", "lab.lua:1: demo.start: option 'modle' unknown, did you mean 'model'?\n  1 | demo.start{modle = 'x'}\n    |            ^\n"},
		"missing":           {"nowhere.lua", "", 2, "", "nsh: nowhere.lua: no such file or directory\n"},
		"folder":            {"/", "", 2, "", "nsh: /: is a directory\n"},
		"unknown flag":      {"--jsn", "", 2, "", "did you mean --json?"},
		"piped":             {"", "print(1)\nx = 1", 0, "1\n", ""},
		"dash":              {"- a", "print(arg[0], arg[1])", 0, "-\ta\n", ""},
		"dash fails":        {"-", "error('x')", 1, "", "stdin:1: x\n"},
		"code":              {"-e print(1) -e 1+1", "", 0, "1\n2\n", ""},
		"code fails":        {"-e error('x')", "", 1, "", "-e:1: x\n"},
		"table":             {"-e demo.list()", "", 0, "state                recv_q\nLISTEN                    0\n\\x1b[31mESTABLISHED     129\n", ""},
		"json":              {"--json -e demo.list() -e print(1,'a')", "", 0, `[{"state":"LISTEN","recv_q":0},{"state":"\u001b[31mESTABLISHED","recv_q":129}]` + "\n1\n\"a\"\n", ""},
		"fault":             {"-e demo.dial('x:1')", "", 0, "nil\tdial x:1: connection refused\n", ""},
		"os.exit":           {"FILE", "os.exit(7)", 7, "", ""},
		"failed check":      {"FILE", "demo.fail() print('on')", 1, "failed: it holds\non\n", ""},
		"failed check, 0":   {"FILE", "demo.fail() os.exit(0)", 1, "failed: it holds\n", ""},
		"skip":              {"FILE", "demo.skip()", 77, "", "skipped: no network"},
		"fiber fails":       {"FILE", "fiber.spawn(function() error('lost') end) fiber.sleep(0.01)", 1, "", "lost"},
		"fiber ends it":     {"FILE", "fiber.spawn(function() os.exit(9) end) fiber.sleep(10)", 9, "", ""},
		"held":              {"FILE", "print(demo.allowed('127.0.0.1'), (demo.allowed('192.0.2.1')))", 0, "true\ttrue\n", ""},
		"held pipe":         {"", "print((demo.allowed('192.0.2.1')))", 0, "true\n", ""},
		"held environment":  {"FILE", "os.getenv('HOME')", 1, "", "--host"},
		"host":              {"--host FILE", "print(demo.allowed('192.0.2.1'))", 0, "true\n", ""},
		"code is not held":  {"-e demo.allowed('192.0.2.1')", "", 0, "true\n", ""},
		"raw in a pipe":     {"FILE", "io.write('\\27[2J\\0') print('\\27')", 0, "\x1b[2J\x00\x1b\n", ""},
		"role":              {"nsh-role:demo a b", "", 42, "", ""},
		"unknown role":      {"nsh-role:none", "", 2, "", "no plugin has the role none"},
		"help":              {"--help", "", 0, usage(), ""},
		"version":           {"--version", "", 0, version() + "\n", ""},
		"prompt from pipe":  {"-i", "x = 41\nx + 1\nfor i = 1, 2 do\nprint(i)\nend\nx.y.z = 1\n'on'", 0, "42\n1\n2\non\n", "attempt to index a number value"},
		"stay after script": {"-i FILE", "print('script') y = 5", 0, "script\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			for i, a := range args {
				if a == "FILE" {
					args[i] = script(t, c.text)
				}
			}
			cmd := nsh(t, args...)
			if !strings.Contains(c.args, "FILE") {
				cmd.Stdin = strings.NewReader(c.text)
			}
			got := finish(t, cmd)
			if got.code != c.code || got.out != c.out || !strings.Contains(got.stderr, c.error) || c.error == "" && got.stderr != "" {
				t.Errorf("exit code %d\nout: %s\nerr: %s\nwanted %d\nout: %s\nerr: %s", got.code, got.out, got.stderr, c.code, c.out, c.error)
			}
			if strings.Contains(got.stderr, "goroutine ") {
				t.Error("a Go trace")
			}
		})
	}
}

func TestHelpPagesFit(t *testing.T) {
	for _, what := range []string{"", "demo", "'demo'", "demo.start", "'demo.start'", "help", "fiber", "fiber.spawn", "print", "'Fiber'", "string.rep"} {
		got := finish(t, nsh(t, "-e", "help("+what+")"))
		if got.code != 0 || got.out == "" {
			t.Errorf("help(%s): %d %s", what, got.code, got.stderr)
		}
		for _, l := range strings.Split(got.out, "\n") {
			if len([]rune(l)) > helpWidth && !strings.Contains(what, "spawn") {
				t.Errorf("help(%s): %d wide: %s", what, len([]rune(l)), l)
			}
		}
	}
	p, tty := sit(t)
	pty.Setsize(p.ptmx, &pty.Winsize{Rows: 24, Cols: 40})
	for _, what := range []string{"", "demo", "demo.start", "'Fiber'", "fiber.sleep"} {
		cmd := nsh(t, "-e", "help("+what+") print('the ' .. 'end')")
		cmd.Stdout = tty
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
		p.sees("the end")
	}
	for l := range strings.Lines(p.all()) {
		if l = strings.TrimRight(l, "\r\n"); len([]rune(l)) > 40 {
			t.Errorf("%d wide: %s", len([]rune(l)), l)
		}
	}
	got := finish(t, nsh(t, "-e", "help('demo.strat')"))
	if got.out != "No page for 'demo.strat', did you mean 'demo.start'?\n" {
		t.Errorf("%d %s", got.code, got.out)
	}
}

// TestSignals sends each signal to a script that waits, and to one that computes.
func TestSignals(t *testing.T) {
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"INT": {syscall.SIGINT, 130}, "TERM": {syscall.SIGTERM, 143}, "HUP": {syscall.SIGHUP, 129}} {
		for what, text := range map[string]string{
			"waits": "print('go') demo.wait()", "computes": "print('go') while true do end",
			"caught": "print('go') while true do pcall(demo.wait) end",
			"fiber":  "fiber.spawn(function() fiber.sleep(0) print('go') while true do end end) fiber.sleep(9)",
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				cmd := nsh(t, script(t, text))
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if _, err := out.Read(make([]byte, 3)); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				defer time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() }).Stop()
				cmd.Process.Signal(c.signal)
				cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != c.code || time.Since(start) > 2*time.Second {
					t.Errorf("exit code %d after %v", code, time.Since(start))
				}
			})
		}
	}
}

func TestClosedPipe(t *testing.T) {
	cmd := nsh(t, script(t, "for i = 1, 1e9 do print(i) end"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 2))
	out.Close()
	start := time.Now()
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || time.Since(start) > 2*time.Second {
		t.Errorf("%v after %v", cmd.ProcessState, time.Since(start))
	}
}

// A script reads lines of the same pipe that the prompt after it reads, and takes no more than those.
func TestScriptAndPromptShareAPipe(t *testing.T) {
	cmd := nsh(t, "-i", "--host", script(t, "print(io.read(), io.read('*n'), io.read())"))
	cmd.Stdin = strings.NewReader("first\n12 rest\n'from ' .. 'the prompt'\n")
	if got := finish(t, cmd); got.code != 0 || got.out != "first\t12\t rest\nfrom the prompt\n" {
		t.Errorf("%d %q %s", got.code, got.out, got.stderr)
	}
}
