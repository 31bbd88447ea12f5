package raw

import (
	"sync/atomic"
	"syscall"
	"time"
	_ "unsafe" // for go:linkname
)

// Since Go 1.26 (and up to 1.27.4) stopping the world can take a minute. syscall.Syscall leaves its processor with the thread
// that waits. Whoever stops the world, to collect garbage, say, and looks at that thread between its last look at
// whether it is to stop and its mark "in a system call", waits until the call returns, or until the runtime looks again: at
// its next timer, and without one, a minute later. A server that has just answered its last client waits for long, and on a
// busy machine a thread may be set aside at that very moment: it was seen once in 100 000 stops, as a nsh that hangs.
//
// So an ordinary call does one of two things. Those that seldom come give the processor back themselves, before they
// wait (enterWait), and get one afterwards (leaveWait): that is under the scheduler's lock, where the wish is seen. It costs
// a wake-up of the runtime's own thread where nobody else has anything to do, half as much again as the message of one
// client; so those that come with each message, of the models with a thread for each connection, see to it that there
// is a timer (attended).
//
// Between enterWait and leaveWait there is nothing but the call, in the same function: neither may the stack grow, nor can it
// move, so that the kernel may write to it.

//go:linkname enterWait runtime.entersyscallblock
func enterWait()

//go:linkname leaveWait runtime.exitsyscall
func leaveWait()

// Call6 makes an ordinary call of another package's. Pointers among the arguments must be to what does not move: not to the
// stack.
func Call6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, errno syscall.Errno) {
	enterWait()
	r1, r2, errno = syscall.RawSyscall6(trap, a1, a2, a3, a4, a5, a6)
	leaveWait()
	return r1, r2, errno
}

// attention is how long a stop of the world may take at worst, as far as attended calls are concerned.
const attention = 300 * time.Millisecond

// attending is the timer. It goes on as long as attended calls are begun.
var attending struct {
	begun   atomic.Bool // a call, since the timer last fired
	running atomic.Bool
}

// attended comes before a call that leaves its processor with the thread.
func attended() {
	if !attending.begun.Load() {
		attending.begun.Store(true)
		attend()
	}
}

func attend() {
	if attending.running.CompareAndSwap(false, true) {
		time.AfterFunc(attention, func() {
			again := attending.begun.Swap(false)
			attending.running.Store(false)
			if again || attending.begun.Load() {
				attend()
			}
		})
	}
}
