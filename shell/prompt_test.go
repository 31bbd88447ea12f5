package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A promptRun is nsh started in a terminal with a person before it.
type promptRun struct {
	*person
	cmd    *exec.Cmd
	ended  chan struct{}
	before unix.Termios
	tty    *os.File
}

func startPrompt(t *testing.T, change func(cmd *exec.Cmd), args ...string) *promptRun {
	t.Helper()
	p, tty := sit(t)
	cmd := nsh(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if change != nil {
		change(cmd)
	}
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &promptRun{p, cmd, make(chan struct{}), *before, tty}
	go func() {
		cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-r.ended
	})
	return r
}

// ends waits for the end, and says what it must have been like.
func (r *promptRun) ends(code int) {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		r.t.Fatal("it does not end")
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Errorf("exit code %d, wanted %d", got, code)
	}
	after, err := unix.IoctlGetTermios(int(r.tty.Fd()), unix.TCGETS)
	if err != nil || *after != r.before {
		r.t.Errorf("the terminal is not as it was: %v", err)
	}
	r.mu.Lock()
	on := strings.LastIndex(r.seen.String(), pasteOn)
	r.mark = max(on, 0)
	r.mu.Unlock()
	if on >= 0 {
		r.sees(pasteOff)
	}
}

func TestPrompt(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees("nsh development (Lua 5.1")
	r.sees("Ctrl-D leaves\r\n")
	for _, c := range []struct{ line, see string }{
		{"40 + 2", "\r\n42\r\n"},
		{"=_ + 1", "\r\n43\r\n"},
		{"x = 'str' .. 'ing'", ""},
		{"x", "\r\nstring\r\n"},
		{"{x}", "\r\n{\"string\"}\r\n"},
		{"'\\27[2J'", "\r\n\\x1b[2J\r\n"},
		{"io.write('\\27[2J\\n')", "\\x1b[2J"},
		{"demo.list()", "LISTEN                    0\r\n\\x1b[31mESTABLISHED     129\r\n"},
		{"demo.dial('a:1')", "nil\tdial a:1: connection refused"},
		{"demo.start{modle = 1}", "demo.start: option 'modle' unknown, did you mean 'model'?"},
		{"y = 'abc", "unterminated string"},
		{"x = = 1", "syntax error near '='"},
		{"local z = 1", "without the word local the name stays"},
		{"print(z)", "\r\nnil\r\n"},
		{"for i = 1, 2 do\rprint(i * 11)\rend", "\r\n11\r\n22\r\n"},
		{"\x1b[200~for i = 1, 2 do\r\n\tprint(i * 7)\r\nend\x1b[201~", "\r\n7\r\n14\r\n"},
		{"if x then\x03'af' .. 'ter'", "after"},
		{"demo.st\t{mo\t'ep\t}", "\r\nepoll\r\n"},
		{"io.write('no end')", "no end\r\ntrue\r\n"},
		{"x = io.write('no end')", "no end\r\n"},
		{"help('demo.start')", "Starts nothing."},
		{"\x1b[3~\x1b[3~'still here'", "\r\nstill here\r\n"},
	} {
		r.sees(firstPrompt)
		r.types(c.line + "\r")
		if c.see != "" {
			// Between a line and what it prints, the terminal is given back.
			r.sees(strings.Replace(c.see, "\r\n", "\r\n"+pasteOff, strings.Count(c.see[:2], "\r\n")))
		}
	}
	r.sees(firstPrompt)
	r.types("\x04")
	r.ends(0)
}

func TestPromptShowsCandidates(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("demo.start{\t")
	r.sees("addr   string  address to listen on")
	r.sees("model  string  how it waits")
	r.sees(firstPrompt + "demo.start{")
	r.types("}\r")
	r.sees("select")
}

// Ctrl-C gives the prompt back within a quarter of a second, whatever runs, and the next line runs.
func TestPromptCtrlC(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("p = io.popen([[trap '' INT; echo; exec sleep 9]]) p:read()\r") // it does not mind Ctrl-C
	const hog = "fiber.spawn(function() while true do pcall(function() while true do end end) end end) "
	for _, line := range []string{
		"demo.wait()", "while true do end", "fiber.sleep(99)", "while true do pcall(demo.wait) end",
		"coroutine.wrap(function() while true do end end)()",
		hog + "fiber.sleep(99)", strings.Repeat(hog, 3) + "fiber.yield()",
		"io.read()", "os.execute('sleep 99')", "p:read()", "('a'):rep(40):find(('a*'):rep(40) .. 'b')",
		"fiber.spawn(function() for i = 1, 1e9 do fiber.yield() end end) fiber.sleep(99)",
	} {
		var took time.Duration
		for try := 1; ; try++ { // a machine with other things to do may hold up one try
			r.sees(firstPrompt)
			r.types("print('g' .. 'o'); " + line + "\r")
			r.sees("go\r\n")
			time.Sleep(50 * time.Millisecond) // it may be on its way yet
			start := time.Now()
			r.types("\x03")
			if strings.Contains(line, hog) {
				r.sees("a fiber that let nobody else run was cancelled")
			}
			r.sees("interrupted")
			r.sees(firstPrompt)
			took = time.Since(start)
			r.types("'again'\r")
			r.sees("again\r\n")
			if took < 250*time.Millisecond {
				break
			} else if try == 3 {
				t.Errorf("%s: back after %v", line, took)
				break
			}
		}
		t.Logf("%3d ms: %.60s", took.Milliseconds(), line)
	}
}

// While a fiber computes, Tab does not wait for it: it answers from the declarations.
func TestPromptTabBesideAHog(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("fiber.spawn(function() fiber.sleep(0.05) while true do end end)\r")
	r.sees(firstPrompt)
	time.Sleep(200 * time.Millisecond) // for the fiber to begin; nothing shows that it has
	for range 3 {
		start := time.Now()
		r.types("demo.sta\t")
		r.sees("demo.start")
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Tab answered after %v", d)
		}
		r.types("\x15")
	}
	r.types("demo.start{model = \"sel\t, addr = \"he\t")
	r.sees("\"select\", addr = \"here:80\"")
	r.types("}\r")
	time.Sleep(50 * time.Millisecond)
	r.types("\x03")
	r.sees("interrupted")
	r.sees(firstPrompt)
	r.types("demo.start{}\r")
	r.sees("select")
}

func TestPromptOutputOfFibers(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("fiber.spawn(function() fiber.sleep(0.2) print('from ' .. 'below') end)\r")
	r.sees(firstPrompt)
	r.types("half typed")
	r.sees("from below\r\n")
	r.sees("half typed")
	r.types("\x15os.exit(5)\r")
	r.ends(5)
}

func TestPromptEndsByAFiber(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("fiber.spawn(function() fiber.sleep(0.1) os.exit(6) end)\r")
	r.sees(firstPrompt)
	r.ends(6)
}

func TestPromptKeepsHistory(t *testing.T) {
	state := t.TempDir()
	keep := func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state) }
	r := startPrompt(t, keep)
	r.sees(firstPrompt)
	r.types("for i = 1, 2 do\rprint('first', i)\rend\r")
	r.sees("first\t2")
	r.cmd.Process.Signal(syscall.SIGTERM)
	r.ends(143)
	if info, err := os.Stat(filepath.Join(state, "nsh", "history")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	r = startPrompt(t, keep)
	r.sees(firstPrompt)
	r.types("\x1b[A\r")
	r.sees("first\t2")
	r.sees(firstPrompt)
	r.types("\x04")
	r.ends(0)
}

func TestPromptWithoutHome(t *testing.T) {
	r := startPrompt(t, func(cmd *exec.Cmd) {
		cmd.Env = []string{"NSH_SHELL_TEST=1", "TERM=xterm", "HOME=/proc/nowhere"}
	})
	r.sees("history is not kept")
	r.sees(firstPrompt)
	r.types("'on'\r")
	r.sees("on\r\n")
	r.sees(firstPrompt)
	r.types("\x04")
	r.ends(0)
	if n := strings.Count(r.all(), "history is"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestDumbTerminal(t *testing.T) {
	r := startPrompt(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "TERM=dumb") })
	r.sees(firstPrompt)
	r.types("1 + 1\n")
	r.sees("2\r\n")
	r.sees(firstPrompt)
	r.types("for i = 1, 2 do\n")
	r.sees(morePrompt)
	r.types("hal\x03")
	r.sees(firstPrompt)
	r.types("print('g' .. 'o') demo.wait()\n")
	r.sees("go\r\n")
	r.types("\x03")
	r.sees("interrupted")
	r.sees(firstPrompt)
	r.types("io.write('half')\n")
	r.sees("half\r\ntrue\r\n" + firstPrompt)
	r.types("io.write('half') return\n")
	r.sees("half\r\n" + firstPrompt)
	r.types("\x04")
	r.sees("\r\n")
	r.ends(0)
	if all := r.all(); strings.Contains(all, "\x1b") {
		t.Errorf("escape sequences: %q", all)
	}
}

func TestColors(t *testing.T) {
	for env, want := range map[string]bool{"A=1": true, "NO_COLOR=1": false, "NO_COLOR=": true} {
		r := startPrompt(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, env) })
		r.sees(firstPrompt)
		r.types("demo.list()\r")
		if want {
			r.sees("\x1b[1mstate")
		} else {
			r.sees(pasteOff + "state ")
		}
		r.sees(firstPrompt)
		r.types("\x04")
		r.ends(0)
	}
}
