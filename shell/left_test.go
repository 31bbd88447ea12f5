package shell

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rounds is how often a test with a random moment is repeated: NSH_ROUNDS, or 10.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("NSH_ROUNDS")); err == nil {
		return n
	}
	return 10
}

// child finds the process behind the fence: the one of the two that is not the parent.
func child(token string, parent int) int {
	for _, pid := range processes(token) {
		if pid != parent {
			return pid
		}
	}
	return 0
}

// TestNothingLeft ends nsh in every way and at random moments, and looks for what is left. 1,000 rounds take a minute:
//
//	NSH_ROUNDS=1000 go test ./shell -run TestNothingLeft -timeout 30m
func TestNothingLeft(t *testing.T) {
	needsFence(t)
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	ways := map[string]func(t *testing.T, cmd *exec.Cmd, token string){
		"kill parent": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Process.Kill() },
		"kill child": func(_ *testing.T, cmd *exec.Cmd, token string) {
			if child(token, cmd.Process.Pid) == 0 {
				cmd.Process.Kill()
				return
			}
			// The first one may be a try that has failed, because it may not read the program's file: another follows.
			for deadline := time.Now().Add(10 * time.Second); processes(token) != nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				if pid := child(token, cmd.Process.Pid); pid != 0 {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		},
		"TERM": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Process.Signal(syscall.SIGTERM) },
		"HUP":  func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Process.Signal(syscall.SIGHUP) },
		"QUIT": func(_ *testing.T, cmd *exec.Cmd, _ string) { cmd.Process.Signal(syscall.SIGQUIT) },
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			file := script(t, "fiber.spawn(function() while true do fiber.sleep(0.001) end end) demo.wait()")
			for i := range rounds() {
				tok := mark(t, i)
				cmd := nsh(t, file, tok)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(rand.N(70 * time.Millisecond))
				end(t, cmd, tok)
				late := time.AfterFunc(10*time.Second, func() {
					t.Errorf("it does not end: %v", processes(tok))
					cmd.Process.Kill()
				})
				cmd.Wait()
				late.Stop()
				gone(t, tok)
			}
		})
	}
	for name, text := range map[string]string{"end": "print(1)", "error": "error('x')", "exit": "os.exit(3)"} {
		t.Run(name, func(t *testing.T) {
			tok := mark(t, 0)
			finish(t, nsh(t, script(t, text), tok))
			if left := processes(tok); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	after, _ := os.ReadFile("/proc/self/mountinfo")
	if strings.Count(string(after), "\n") != strings.Count(string(mounts), "\n") {
		t.Errorf("the mounts have changed:\n%s\n%s", mounts, after)
	}
}

// TestTerminalCloses hangs up on a file that waits.
func TestTerminalCloses(t *testing.T) {
	needsFence(t)
	p, tty := sit(t)
	tok := mark(t, 0)
	cmd := nsh(t, script(t, "print('go') demo.wait()"), tok)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.sees("go\r\n")
	tty.Close()
	p.ptmx.Close()
	defer time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }).Stop()
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 129 {
		t.Errorf("exit code %d", code)
	}
	gone(t, tok)
}

func TestExitCodeOfAKilledChild(t *testing.T) {
	needsFence(t)
	tok := mark(t, 0)
	cmd := nsh(t, script(t, "print('go') demo.wait()"), tok)
	out, ready, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = ready
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready.Close()
	out.Read(make([]byte, 3))
	syscall.Kill(child(tok, cmd.Process.Pid), syscall.SIGKILL)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 137 || !strings.Contains(stderr.String(), "was killed (killed)") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestCtrlZ stops both processes, and lets both go on.
func TestCtrlZ(t *testing.T) {
	needsFence(t)
	p, tty := sit(t)
	tok := mark(t, 0)
	cmd := nsh(t, script(t, "print('go') for i = 1, 50 do fiber.sleep(0.01) end print('done')"), tok)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }).Stop()
	p.sees("go\r\n")
	pids := processes(tok)
	p.types("\x1a")
	for _, pid := range pids {
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if _, rest, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(rest, "T") {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%d is not stopped: %.60s", pid, stat)
			}
		}
	}
	cmd.Process.Signal(syscall.SIGCONT)
	p.sees("done")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
		t.Error(cmd.ProcessState)
	}
}
