package lua

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"
)

// timely tries up to three times: a machine with other things to do may hold up one try, but what cannot be interrupted
// is late each time.
func timely(t *testing.T, what string, bound time.Duration, try func() error) {
	t.Helper()
	for i := 1; ; i++ {
		start := time.Now()
		err := try()
		took := time.Since(start)
		if took <= bound {
			return
		}
		if i == 3 {
			t.Errorf("%.80s: took %v (%v)", what, took, err)
			return
		}
	}
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func jsonValid(s string) bool { return json.Valid([]byte(s)) }
