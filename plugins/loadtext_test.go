package plugins_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// A summary fits a terminal of 80 columns, whatever there is to say: here everything at once, and all of it large.
func TestSummaryFits(t *testing.T) {
	for _, mode := range []string{"echo", "churn", "http", "behaviour", "function", "several"} {
		for _, wanted := range []float64{0, 123456.7} {
			r := load.NewResult()
			r.Mode, r.N, r.Depth, r.Bytes, r.Wanted, r.Seconds = mode, 100_000, 1000, 1<<20, wanted, 3599.9
			for i := range int64(1000) {
				r.Answer(i*i*i*1000, i*int64(time.Second)/10)
			}
			r.Requests, r.Answered, r.BytesIn, r.BytesOut, r.Unsent, r.Unanswered = 1_234_567_890, 99_999, 1<<43, 1<<43, 123456, 123456
			r.Threads, r.Used.CPU = 1, time.Hour
			r.Stopped = []string{"the network is unreachable, the server is gone, and the process has no descriptor left"}
			for _, code := range []string{"ECONNREFUSED", "ECONNRESET", "EADDRNOTAVAIL", "EHOSTUNREACH", "ETIMEDOUT", "EPROTO", "HTTP_404", "EOF"} {
				r.Fail(code, 123456)
			}
			l := &plugins.Load{Result: r, To: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"}
			var text strings.Builder
			for _, line := range l.Drawing() {
				var columns string
				for _, run := range line {
					columns += run.Text
				}
				text.WriteString(columns + "\n")
				if show.Width(columns) > 80 {
					t.Errorf("%s, %v: %d columns: %s", mode, wanted, show.Width(columns), columns)
				}
			}
			for _, want := range []string{"the load was busy all the time", "ended early: the network is", "HTTP_404 123456", "99999 of the connections"} {
				if !strings.Contains(text.String(), want) && !(want[:5] == "99999" && (mode == "function" || mode == "behaviour")) {
					t.Errorf("%s, %v: no %q in\n%s", mode, wanted, want, text.String())
				}
			}
		}
	}
}
