//go:build !amd64 && !arm64

package raw

import "syscall"

// Self tells the calling thread from all others: enough for goroutines that are locked to theirs.
func Self() uintptr {
	tid, _, _ := syscall.RawSyscall(syscall.SYS_GETTID, 0, 0, 0)
	return tid
}
