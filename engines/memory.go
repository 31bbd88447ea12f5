package engines

import (
	"os"
	"strconv"
	"strings"
)

// MemAvailable is how many bytes the machine has for whoever wants them, by the kernel's own estimate (proc_meminfo(5));
// 0 is unknown.
func MemAvailable() int {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(text), "MemAvailable:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(fields[0])
	return kib << 10
}
