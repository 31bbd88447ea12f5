// Command watched is nsh that writes where it spent its time into the file NSH_PROFILE, from its start to SIGUSR1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/nsh-lab/nsh/plugins/std"
	"github.com/nsh-lab/nsh/shell"
)

func main() {
	f, err := os.Create(os.Getenv("NSH_PROFILE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "watched: NSH_PROFILE:", err)
		os.Exit(2)
	}
	enough, _ := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	pprof.StartCPUProfile(f)
	context.AfterFunc(enough, func() {
		pprof.StopCPUProfile()
		f.Close()
	})
	os.Exit(shell.Main(std.All()...))
}
