package sys

import (
	"strconv"
	"syscall"

	"github.com/nsh-lab/nsh/plugins"
)

// memory is plugins.Memory as scripts see it.
type memory struct {
	RSS     int64 `lua:"rss"`     // resident, shared pages in full
	PSS     int64 `lua:"pss"`     // resident, each shared page divided by those who share it
	Shared  int64 `lua:"shared"`  // of rss, what somebody else has mapped, too
	Private int64 `lua:"private"` // of rss, what nobody else has
}

// memoryOf reads it for a process, which is nsh itself when pid is nil.
func memoryOf(pid *int) (memory, error) {
	who := "self"
	if pid != nil {
		who = strconv.Itoa(*pid)
		if *pid < 1 {
			return memory{}, fault("memory", who, syscall.ESRCH)
		}
	}
	m, err := plugins.MemoryOf(who)
	if err != nil {
		return memory{}, fault("memory", who, err)
	}
	return memory(m), nil
}
