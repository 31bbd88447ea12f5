package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// otherThreads is Go's own, and what else runs in the program.
const otherThreads = 256

// ThreadRoom is how many threads connections may have, and what sets that limit. Go ends the program, past any recover,
// when the kernel refuses it a thread and when it has more than 10,000 of them. So its own number is raised to what
// the kernel really gives, and connections beyond are refused.
func ThreadRoom() (room int, why string) {
	room, why = threadLimit()
	room -= room/10 + otherThreads
	room = max(room, 16)
	if previous := debug.SetMaxThreads(room + otherThreads + otherThreads); previous > room+otherThreads+otherThreads {
		debug.SetMaxThreads(previous) // somebody has raised it further
	}
	return room, fmt.Sprintf("%d are as many as %s leaves for connections here", room, why)
}

// SpareProcessors are those that Go's scheduler has for threads beyond its own. A thread keeps one while it waits, for
// 10 ms at most, as long as there are others left; otherwise it loses it after 20 µs, has to ask for another one when it
// returns, and, if there is none, has to hand its goroutine to the scheduler: with 64 threads on 34 a request costs a
// fifth more. The kernel's processors are as many as they are in any case. One goroutine uses this.
type SpareProcessors struct{ given int }

// A few are given at the start, and never more than many: each is some memory, and more work for a garbage collection.
const (
	fewProcessors  = 32
	manyProcessors = 256
)

// For sees to it that so many threads have one each. To change the number everything has to stop for a moment, so it
// grows in few steps, and does not shrink.
func (s *SpareProcessors) For(threads int) {
	want := max(s.given, fewProcessors)
	for want < threads && want < manyProcessors {
		want += fewProcessors
	}
	if want != s.given {
		raw.MoreProcs(want - s.given)
	}
	s.given = want
}

// Back takes them all back.
func (s *SpareProcessors) Back() {
	raw.MoreProcs(-s.given)
	s.given = 0
}

// threadLimit is the least of the limits that hold for this process.
func threadLimit() (least int, why string) {
	least, why = 1<<20, "the kernel"
	consider := func(n int, name string) {
		if n > 0 && n < least {
			least, why = n, name
		}
	}
	consider(readNumber("/proc/sys/kernel/threads-max"), "kernel.threads-max")
	consider(readNumber("/proc/sys/kernel/pid_max"), "kernel.pid_max")
	// Each thread has a stack and a guard page, and glibc-free Go maps one area for it (and one for its signals).
	consider(readNumber("/proc/sys/vm/max_map_count")/2, "vm.max_map_count")
	var processes unix.Rlimit
	if os.Geteuid() != 0 && unix.Getrlimit(unix.RLIMIT_NPROC, &processes) == nil && processes.Cur < 1<<20 {
		consider(int(processes.Cur), "RLIMIT_NPROC")
	}
	for _, file := range cgroupFiles() {
		consider(readNumber(file), "the control group's pids.max")
	}
	return least, why
}

// cgroupFiles are the pids.max of this process's control group, version 2 and version 1, and of those above it.
func cgroupFiles() (files []string) {
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root := "/sys/fs/cgroup"
		switch {
		case fields[1] == "pids":
			root = "/sys/fs/cgroup/pids"
		case fields[1] != "":
			continue
		}
		for group := filepath.Clean("/" + fields[2]); ; group = filepath.Dir(group) {
			files = append(files, filepath.Join(root, group, "pids.max"))
			if group == "/" {
				break
			}
		}
	}
	return files
}

// readNumber reads a file that holds a number; 0 where there is none ("max").
func readNumber(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}
