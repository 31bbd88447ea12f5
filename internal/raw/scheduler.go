package raw

import (
	"runtime"
	"sync"
	"syscall"
)

// procs guards the number that it changes, GOMAXPROCS, which is one per process and has no atomic "one more".
var procs sync.Mutex

// MoreProcs raises GOMAXPROCS by n, for loops that wait without the scheduler and so keep a processor busy while they
// sleep. Call it with -n to give them back.
func MoreProcs(n int) {
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)+n))
}

// Safepoint is a place where the garbage collector can stop a loop of raw calls, which have none themselves: a call
// with a frame, and so a look at the stack bound, which is how the runtime asks a goroutine to stop. Without it 200
// collections took nine minutes beside an idle loop.
//
//go:noinline
func Safepoint() byte {
	var frame [256]byte
	return touch(&frame)
}

//go:noinline
func touch(frame *[256]byte) byte {
	frame[0]++
	return frame[0]
}

// Thread is the number of the calling thread, which is the goroutine's only while it is in a call, or locked to it.
func Thread() int32 {
	id, _, _ := syscall.RawSyscall(syscall.SYS_GETTID, 0, 0, 0)
	return int32(id)
}

// Interrupt sends a thread of this process the signal that Go interrupts threads with. A call that waits is made again:
// Go asks the kernel for that with each of its handlers (SA_RESTART).
func Interrupt(thread int32) {
	id, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0)
	syscall.RawSyscall(syscall.SYS_TGKILL, id, uintptr(thread), uintptr(syscall.SIGURG))
}

// Yield lets another thread have this processor for a moment, if one wants it.
func Yield() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
