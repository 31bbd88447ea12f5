package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestPromptSignals(t *testing.T) {
	for _, while := range []string{"editing", "running"} {
		for s, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
			r := startPrompt(t, nil)
			r.sees(firstPrompt)
			if while == "running" {
				r.types("print('g' .. 'o') demo.wait()\r")
				r.sees("go\r\n")
			} else {
				r.types("half")
				r.sees("half")
			}
			r.cmd.Process.Signal(s)
			r.ends(code)
		}
	}
}

func TestPromptTerminalCloses(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	r := startPrompt(t, func(cmd *exec.Cmd) {
		// Without a controlling terminal there is no SIGHUP: only the end of the terminal itself.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	})
	r.sees(firstPrompt)
	r.types("io.open('" + marker + "', 'w')")
	r.sees("'w')")
	r.ptmx.Close()
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a line that was never entered has run")
	}
}

// TestPromptSurvivesResizing changes the window while a line is typed.
func TestPromptSurvivesResizing(t *testing.T) {
	r := startPrompt(t, nil)
	r.sees(firstPrompt)
	r.types("'half")
	r.sees("'half")
	for _, cols := range []uint16{40, 0, 120, 7} {
		if err := pty.Setsize(r.tty, &pty.Winsize{Rows: 24, Cols: cols}); err != nil {
			t.Fatal(err)
		}
		r.cmd.Process.Signal(syscall.SIGWINCH) // the kernel sends it to the foreground group, which nobody set here
		r.sees("half")
	}
	r.types(" done'\r")
	r.sees("half done\r\n")
	r.sees(firstPrompt)
	r.types("\x04")
	r.ends(0)
}
