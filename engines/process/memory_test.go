package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/engines"
)

// rollup reads a row of /proc/PID/smaps_rollup (proc(5)), in KiB.
func rollup(t *testing.T, pid, row string) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if err != nil {
		t.Skip("this kernel does not tell what memory is shared: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, row+":"); ok {
			fmt.Sscan(rest, &kib)
		}
	}
	return kib
}

// A child of fork has its parent's memory, and shares the pages that neither has written to since.
func TestForkSharesMemory(t *testing.T) {
	ballast := make([]byte, 64<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	s := start(t, echoes()["fork"], engines.Options{})
	dial(t, s)
	pids := children("self")
	if len(pids) != 1 {
		t.Fatalf("the children are %v", pids)
	}
	pid := pids[0]
	all, own := rollup(t, pid, "Rss"), rollup(t, pid, "Private_Dirty")+rollup(t, pid, "Private_Clean")
	if all < 64<<10 || own > 8<<10 {
		t.Errorf("the child has %d KiB, %d of them to itself; the parent's 64 MiB were to be shared", all, own)
	}
	mine, _ := os.ReadFile("/proc/self/cmdline")
	if its, _ := os.ReadFile("/proc/" + pid + "/cmdline"); string(its) != string(mine) {
		t.Errorf("the child was started as %q", its)
	}
	// It holds the connection, and nothing else of the parent's.
	if fds, _ := filepath.Glob("/proc/" + pid + "/fd/*"); len(fds) != 1 {
		t.Errorf("the child has the descriptors %v", fds)
	}
	runtime.KeepAlive(ballast)
}
