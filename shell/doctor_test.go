package shell

import (
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua/show"
)

func TestDoctor(t *testing.T) {
	got := finish(t, nsh(t, "doctor"))
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for _, row := range []string{"user namespaces", "link delay, loss", "io_uring", "tracepoints", "IPv6", "descriptors", "threads"} {
		if !strings.Contains(got.out, "\n  "+row+" ") {
			t.Errorf("no row %s in\n%s", row, got.out)
		}
	}
	for line := range strings.Lines(got.out) {
		if show.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too long: %s", line)
		}
	}
}
