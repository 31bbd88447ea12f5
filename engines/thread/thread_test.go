package thread_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/engines/thread"
)

func TestMain(m *testing.M) { enginetest.Main(m, thread.Model()) }

func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Promise{Linear: true, Events: true, Crowd: 1000, Is: enginetest.IsThread}, enginetest.Start(thread.Model()))
}

func TestShortage(t *testing.T) { enginetest.RunShortage(t, thread.Model()) }

// TestTwelveThousand: more threads than Go's own limit of 10,000, at which it would end the program. Where the machine
// has no room for so many, those beyond are refused and counted, and the server goes on.
func TestTwelveThousand(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("12,000 threads take a while, and are too many for the race detector")
	}
	const n = 12_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < n+200 {
		t.Skipf("RLIMIT_NOFILE is %d here", limit.Cur)
	}
	if room, why := engines.ThreadRoom(); room < n {
		t.Skipf("no room for so many threads here: %s", why)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*enginetest.RowLimit)
	defer cancel()
	if err := enginetest.RunCrowd(ctx, enginetest.Start(thread.Model()), n); err != nil {
		t.Error(err)
	}
}
