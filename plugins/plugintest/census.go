package plugintest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// A count is what a process holds that a test may leave behind.
type count struct {
	descriptors map[string]string
	goroutines  int
	children    int
}

func census() count {
	warmPoller()
	runtime.GC() // cleanups of former tests' coroutines run now rather than in the middle
	return count{descriptors(), runtime.NumGoroutine(), children()}
}

// descriptors maps each open descriptor to what it is.
func descriptors() map[string]string {
	out := map[string]string{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out[e.Name()] = to
		}
	}
	return out
}

// children counts this process's children, zombies too.
func children() int {
	n := 0
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		data, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		n += len(strings.Fields(string(data)))
	}
	return n
}

// left says what is there that was not before, after waiting so long for it to go.
func (before count) left(limit time.Duration) string {
	deadline := time.Now().Add(limit)
	for {
		text := before.more()
		if text == "" || time.Now().After(deadline) {
			return text
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (before count) more() string {
	var out []string
	now := descriptors()
	for fd, to := range now {
		if before.descriptors[fd] == "" && !strings.Contains(to, "/proc/") {
			out = append(out, "descriptor "+fd+" "+to)
		}
	}
	if n := runtime.NumGoroutine(); n > before.goroutines {
		buf := make([]byte, 1<<16)
		buf = buf[:runtime.Stack(buf, true)]
		out = append(out, fmt.Sprintf("%d goroutines more\n%s", n-before.goroutines, buf))
	}
	if n := children(); n > before.children {
		out = append(out, fmt.Sprintf("%d children more", n-before.children))
	}
	return strings.Join(out, "; ")
}

// warmPoller makes Go's own network poller, which is made once and stays, before the first count.
func warmPoller() {
	if r, w, err := os.Pipe(); err == nil {
		r.SetDeadline(time.Time{})
		r.Close()
		w.Close()
	}
}
