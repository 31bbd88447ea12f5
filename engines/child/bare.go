package child

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bare is all that a child of fork works on.
type bare struct {
	fd        uintptr // the connection, or a worker's listener
	socket    uintptr // of a worker: where its parent hears
	worker    bool
	discard   bool
	buf, size uintptr
	count     bareCounts
	message   [2]byte // to the parent
	signals   uint64  // that are held up: none
	pause     syscall.Timespec
}

// bareCounts are counters, of *int64, in a row that this child alone writes to, so that plain stores do.
type bareCounts struct{ accepted, closed, in, out, calls, wakeups unsafe.Pointer }

//go:norace
//go:nosplit
func bump(counter unsafe.Pointer, n uintptr) { *(*int64)(counter) += int64(n) }

// serveBare is the child's life. All its calls block: a signal ends it wherever it is, the parent's as its parent's death.
//
//go:norace
//go:nosplit
func serveBare(b *bare, parent uintptr) {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	if ppid, _, _ := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); ppid != parent {
		exitBare(0) // it was too late for the signal
	}
	syscall.RawSyscall(syscall.SYS_SETPGID, 0, 0, 0) // Ctrl-C at the prompt ends the line and not the servers
	// All descriptors were copied: the listener, whatever clients the script has, and the parent's ends of sockets, which
	// would keep it from seeing that its other children have ended.
	low, high := b.fd, b.fd
	if b.worker {
		low, high = min(b.fd, b.socket), max(b.fd, b.socket)
	}
	closeRange(0, low-1, low > 0)
	closeRange(low+1, high-1, low+1 < high)
	closeRange(high+1, 1<<31-1, true)
	if b.worker {
		for {
			acceptBare(b)
		}
	}
	syscall.RawSyscall(syscall.SYS_FCNTL, b.fd, syscall.F_SETFL, 0) // not non-blocking, as it was accepted
	exitBare(echoBare(b, b.fd))
}

// The pauses of a worker for which the kernel has no descriptor, or no memory, in nanoseconds.
const (
	shortPause = 5e6
	longPause  = 640e6
)

// acceptBare serves the next connection.
//
//go:norace
//go:nosplit
func acceptBare(b *bare) {
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, b.fd, 0, 0, 0, 0, 0)
	bump(b.count.calls, 1)
	switch errno {
	case 0:
	case syscall.EINTR:
		return
	case syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK: // the listener was shut down
		exitBare(0)
	default:
		tellBare(b, msgRefused, errno)
		b.pause.Nsec = min(max(2*b.pause.Nsec, shortPause), longPause)
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&b.pause)), 0, 0)
		return
	}
	b.pause.Nsec = 0
	bump(b.count.wakeups, 1)
	bump(b.count.accepted, 1)
	if errno := echoBare(b, fd); errno != 0 {
		tellBare(b, msgErrno, syscall.Errno(errno))
	}
	syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
	bump(b.count.closed, 1)
}

// echoBare serves a connection to its end, and gives the error that it ended with, or 0.
//
//go:norace
//go:nosplit
func echoBare(b *bare, fd uintptr) (errno uintptr) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, b.buf, b.size, 0, 0, 0)
		bump(b.count.calls, 1)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return uintptr(errno)
		case n == 0:
			return 0
		}
		bump(b.count.wakeups, 1)
		bump(b.count.in, n)
		if b.discard {
			continue
		}
		if errno := sendBare(b, fd, n); errno != 0 {
			return errno
		}
	}
}

// sendBare sends what was received.
//
//go:norace
//go:nosplit
func sendBare(b *bare, fd, size uintptr) (errno uintptr) {
	for sent := uintptr(0); sent < size; {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, b.buf+sent, size-sent, syscall.MSG_NOSIGNAL, 0, 0)
		bump(b.count.calls, 1)
		switch errno {
		case syscall.EINTR:
			continue
		case 0:
		default:
			return uintptr(errno)
		}
		bump(b.count.out, n)
		sent += n
	}
	return 0
}

// tellBare tells the parent of an error.
//
//go:norace
//go:nosplit
func tellBare(b *bare, kind byte, errno syscall.Errno) {
	b.message[0], b.message[1] = kind, byte(errno)
	syscall.RawSyscall6(syscall.SYS_SENDTO, b.socket, uintptr(unsafe.Pointer(&b.message)), 2, syscall.MSG_NOSIGNAL, 0, 0)
}

//go:norace
//go:nosplit
func closeRange(first, last uintptr, wanted bool) {
	if wanted {
		syscall.RawSyscall(unix.SYS_CLOSE_RANGE, first, last, 0)
	}
}

//go:norace
//go:nosplit
func exitBare(code uintptr) {
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, code, 0, 0)
	}
}
