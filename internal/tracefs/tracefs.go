// Package tracefs hears from the kernel of every change of a TCP socket's state: its tracepoint sock/inet_sock_set_state,
// read through an instance of tracefs of its own, so that nobody else's tracing is disturbed. It takes root.
//
// An instance is a name in the kernel that outlives whoever made it. So it belongs to a small process beside nsh, Run,
// which removes it when its standard input ends, whatever has become of nsh; and each one first removes those of
// processes that are gone.
package tracefs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

const (
	mountPoint = "/sys/kernel/tracing"
	instances  = mountPoint + "/instances"
	prefix     = "nsh-"
)

// Ready is the line that Run writes when it listens; what follows are the kernel's lines.
const Ready = "ready\n"

// Run is the process: it copies what the kernel tells of the sockets with a port to its standard output until its standard
// input ends, and gives its exit code. It was started in a mount namespace of its own. What it cannot do it says on a line.
func Run(port string) int {
	n, err := strconv.ParseUint(port, 10, 16)
	if err == nil {
		err = run(int(n))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func run(port int) (err error) {
	if _, err := os.Stat(instances); err != nil {
		if err := unix.Mount("tracefs", mountPoint, "tracefs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mounting tracefs: %w", err)
		}
	}
	Sweep()
	dir := filepath.Join(instances, name(os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	pipe := -1
	defer func() {
		if pipe >= 0 {
			unix.Close(pipe)
		}
		err = errors.Join(err, remove(dir))
	}()
	const event = "events/sock/inet_sock_set_state/"
	for _, set := range [][2]string{
		{"trace_clock", "mono"}, // that of CLOCK_MONOTONIC
		{event + "filter", fmt.Sprintf("sport==%d||dport==%d", port, port)},
		{event + "enable", "1"},
	} {
		if err := os.WriteFile(filepath.Join(dir, set[0]), []byte(set[1]), 0); err != nil {
			return err
		}
	}
	pipe, err = unix.Open(filepath.Join(dir, "trace_pipe"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString(Ready); err != nil {
		return nil
	}
	return copyLines(pipe)
}

// copyLines copies until the standard input ends, or nobody reads any more.
func copyLines(from int) error {
	buf := make([]byte, 64<<10)
	fds := []raw.PollFd{{Fd: 0, Events: raw.PollIn}, {Fd: int32(from), Events: raw.PollIn}}
	for {
		raw.Poll(fds, -1)
		for {
			n, errno := raw.Read(from, buf)
			if errno != 0 || n == 0 {
				break
			}
			if _, err := os.Stdout.Write(buf[:n]); err != nil {
				return nil
			}
		}
		if fds[0].Revents != 0 {
			if n, _ := os.Stdin.Read(buf); n == 0 {
				return nil
			}
		}
		fds[0].Revents, fds[1].Revents = 0, 0
	}
}

// name is that of a process's instance: with when it was started, for numbers of processes are used again.
func name(pid int) string { return fmt.Sprintf("%s%d-%s", prefix, pid, started(pid)) }

// started is field 22 of /proc/PID/stat, or "" when there is no such process.
func started(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" { // a zombie has let go of everything
		return ""
	}
	return fields[19]
}

// Sweep removes the instances of processes that are gone.
func Sweep() {
	list, _ := os.ReadDir(instances)
	for _, d := range list {
		rest, ours := strings.CutPrefix(d.Name(), prefix)
		text, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(text); ours && err == nil && d.Name() != name(pid) {
			remove(filepath.Join(instances, d.Name()))
		}
	}
}

// remove removes an instance. It is busy while a file of it is open, or the kernel is still at work in it.
func remove(dir string) error {
	os.WriteFile(filepath.Join(dir, "events/enable"), []byte("0"), 0)
	var err error
	for range 200 {
		if err = unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}
