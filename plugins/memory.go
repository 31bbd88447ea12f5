package plugins

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Memory is what a process has in memory, in bytes: /proc/PID/smaps_rollup (proc(5)).
type Memory struct {
	RSS     int64 // resident, shared pages in full
	PSS     int64 // resident, each shared page divided by those who share it
	Shared  int64 // of RSS, what somebody else has mapped, too
	Private int64 // of RSS, what nobody else has
}

// MemoryOf reads it for a process, by its number or "self".
func MemoryOf(pid string) (m Memory, err error) {
	data, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if os.IsNotExist(err) {
		err = syscall.ESRCH
	}
	if err != nil {
		return m, err
	}
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
