package enginetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A census is what this process holds of the kernel and of Go.
type census struct {
	descriptors []string
	goroutines  int
	threads     int
	procs       int // GOMAXPROCS
	children    int
}

// slackThreads is how many more threads there may be than before, since Go makes one when a goroutine is in a system call for
// long, which on a busy machine is every one. It is less than there are connections in any row that could leave a thread for
// each.
const slackThreads = 30

func takeCensus() census {
	return census{descriptors(), runtime.NumGoroutine(), threads(), runtime.GOMAXPROCS(0), len(children())}
}

// restored waits until there is no more than there was.
func (before census) restored(ctx context.Context) error {
	return until(ctx, 5*time.Second, "everything to be given back", func() (string, bool) {
		now := takeCensus()
		seen := fmt.Sprintf("%d descriptors (before: %d; now %s), %d goroutines (%d), %d threads (%d), GOMAXPROCS %d (%d), %d children (%d)",
			len(now.descriptors), len(before.descriptors), strings.Join(now.descriptors, " "), now.goroutines,
			before.goroutines, now.threads, before.threads, now.procs, before.procs, now.children, before.children)
		return seen, len(now.descriptors) <= len(before.descriptors) && now.goroutines <= before.goroutines &&
			now.threads <= before.threads+slackThreads && now.procs == before.procs &&
			now.children <= before.children
	})
}

// descriptors lists what this process has open, but for the list itself and Go's poller, which stays once it is made.
func descriptors() (open []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil {
			open = append(open, e.Name()+"="+target)
		}
	}
	sort.Strings(open)
	return open
}

// children lists this process's children, zombies too.
func children() (pids []string) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// threads counts this process's tasks, but for those that have nothing to do: Go keeps them, as many as its scheduler had
// processors, each asleep on a futex of its own. A goroutine that is locked to such a thread is counted as one.
func threads() (n int) {
	idle := strconv.Itoa(unix.SYS_FUTEX) + " "
	entries, _ := os.ReadDir("/proc/self/task")
	for _, e := range entries {
		call, err := os.ReadFile("/proc/self/task/" + e.Name() + "/syscall")
		if err != nil || !strings.HasPrefix(string(call), idle) {
			n++
		}
	}
	return n
}
