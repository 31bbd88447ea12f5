package server

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

// surroundings are what was there before a server started: the rest is the server's.
type surroundings struct {
	descriptors int
	children    []int
}

func around() surroundings { return surroundings{descriptors("self"), children()} }

// descriptors counts those that a process has open.
func descriptors(pid string) int {
	entries, _ := os.ReadDir("/proc/" + pid + "/fd")
	return len(entries)
}

// children are this process's, by any of its threads.
func children() (pids []int) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		data, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// offspring are the server's children.
func (s surroundings) offspring() []int {
	return slices.DeleteFunc(children(), func(pid int) bool { return slices.Contains(s.children, pid) })
}

// used is what this process and the server's children, dead and alive, have used.
func (s surroundings) used() load.Usage {
	all := load.UsageOf(syscall.RUSAGE_SELF).And(load.UsageOf(syscall.RUSAGE_CHILDREN))
	for _, pid := range s.offspring() {
		all = all.And(usageOf(pid))
	}
	return all
}

// usageOf is what another process has used.
func usageOf(pid int) (u load.Usage) {
	// The clock of a process by its number, to the nanosecond; see clock_getcpuclockid(3), which does just this.
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &ts) == nil {
		u.CPU = time.Duration(ts.Nano())
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	tasks, _ := os.ReadDir(dir)
	for _, t := range tasks {
		text, _ := os.ReadFile(dir + t.Name() + "/status")
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			if strings.HasSuffix(name, "voluntary_ctxt_switches") { // and nonvoluntary
				n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
				u.Switches += n
			}
		}
	}
	return u
}

// opened is how many descriptors the server and its children hold; the clients of this process have so many.
func (s surroundings) opened(clients int) int64 {
	n := descriptors("self") - s.descriptors - clients
	for _, pid := range s.offspring() {
		n += descriptors(strconv.Itoa(pid))
	}
	return int64(n)
}

// heap is what this process has in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools keep for one more round goes, too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// private is what the children have that nobody else has mapped.
func (s surroundings) private() (n int64) {
	for _, pid := range s.offspring() {
		child, _ := plugins.MemoryOf(strconv.Itoa(pid))
		n += child.Private
	}
	return n
}

// settle waits until the children have got ready, which those that stand by for connections do by themselves.
func (s surroundings) settle(ctx context.Context) {
	busy := func() (d time.Duration) {
		for _, pid := range s.offspring() {
			d += usageOf(pid).CPU
		}
		return d
	}
	for last, calm, tries := busy(), 0, 0; calm < 2 && tries < 50 && last > 0 && ctx.Err() == nil; tries++ {
		time.Sleep(20 * time.Millisecond)
		now := busy()
		if calm++; now-last > time.Millisecond {
			calm = 0
		}
		last = now
	}
}
