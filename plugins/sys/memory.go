package sys

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// memory is what a process has in memory, in bytes: /proc/PID/smaps_rollup (proc(5)).
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
	data, err := os.ReadFile("/proc/" + who + "/smaps_rollup")
	if os.IsNotExist(err) {
		err = syscall.ESRCH
	}
	if err != nil {
		return memory{}, fault("memory", who, err)
	}
	var m memory
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "Rss:":
			m.RSS = kib << 10
		case "Pss:":
			m.PSS = kib << 10
		case "Shared_Clean:", "Shared_Dirty:":
			m.Shared += kib << 10
		case "Private_Clean:", "Private_Dirty:":
			m.Private += kib << 10
		}
	}
	return m, nil
}
