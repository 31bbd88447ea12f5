//go:build profile

package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// With -tags profile nsh writes where it spent its time into the file NSH_PROFILE, from its start to SIGUSR1:
// engines/bench/run --profile makes default.pgo of that.
func init() {
	f, err := os.Create(os.Getenv("NSH_PROFILE"))
	if err != nil {
		return
	}
	enough, _ := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	pprof.StartCPUProfile(f)
	context.AfterFunc(enough, func() {
		pprof.StopCPUProfile()
		f.Close()
	})
}
