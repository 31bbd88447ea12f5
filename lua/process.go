package lua

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// os.execute and io.popen without the baton: gopher-lua's would keep everybody waiting until the program has ended, past
// every cancellation.

// dying is how long a killed program may keep its pipes open.
const dying = 500 * time.Millisecond

func shellCommand(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.WaitDelay = dying
	return cmd
}

// osExecute runs a command line and returns its exit code, as later Luas count it: 0 is success.
func osExecute(L *glua.LState) int {
	if L.Get(1) == glua.LNil {
		L.Push(glua.LNumber(1)) // there is a shell
		return 1
	}
	env, cmd := envOf(L), shellCommand(envOf(L), textArg(L, 1, "os.execute", "command"))
	env.flow.block(func() {
		if cmd.Run(); interrupted(cmd.ProcessState) { // Ctrl-C is for nsh, too, which may hear of it a moment later
			select {
			case <-env.Done():
			case <-time.After(dying):
			}
		}
	})
	stopIfDone(L)
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	L.Push(glua.LNumber(code))
	return 1
}

// interrupted says whether a program, or the shell's last one, was ended by Ctrl-C.
func interrupted(p *os.ProcessState) bool {
	if p == nil {
		return false
	}
	status, _ := p.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() == syscall.SIGINT || status.ExitStatus() == 128+int(syscall.SIGINT)
}

// popen starts a program and returns a file to read its output from, or to write its input to.
func (w *World) popen(L *glua.LState) int {
	line, mode := textArg(L, 1, "io.popen", "program"), "r"
	if L.Get(2) != glua.LNil {
		mode = textArg(L, 2, "io.popen", "mode")
	}
	if mode = strings.TrimSuffix(mode, "b"); mode != "r" && mode != "w" {
		L.RaiseError("io.popen: argument 2 (mode): \"r\" or \"w\" expected, got %s", describe(L.Get(2)))
	}
	env, cmd := envOf(L), shellCommand(envOf(L).scope.Context(), line)
	r, wr, err := os.Pipe()
	if err != nil {
		return pushFault(L, NewFault("popen", line, err))
	}
	ours, theirs := r, wr
	if mode == "w" {
		ours, theirs = wr, r
		cmd.Stdin = theirs
	} else {
		cmd.Stdout = theirs
	}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return pushFault(L, NewFault("popen", line, err))
	}
	held := env.Own("io.popen "+clip(line), func() { ours.Close(); cmd.Process.Kill(); cmd.Wait() })
	file := &File{name: clip(line), f: ours, held: held, ended: func() { cmd.Wait() }}
	if mode == "r" {
		file.in = newFileReader(ours, false, true)
	}
	w.pushAny(L, file)
	return 1
}
