//go:build profile

package main

import (
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
	enough := make(chan os.Signal, 1)
	signal.Notify(enough, syscall.SIGUSR1)
	pprof.StartCPUProfile(f)
	go func() {
		<-enough
		pprof.StopCPUProfile()
		f.Close()
	}()
}
