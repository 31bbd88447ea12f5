// Package raw makes system calls without telling Go's scheduler, for what cannot block: calls on non-blocking
// descriptors. That saves the entry into and the exit from the scheduler, 3–4 of the 12 µs that an echoed message
// costs. Whatever may block is here too, marked "ordinary": it takes the scheduler's entry, so that a waiting thread
// does not hold up the rest of the program.
//
// Every call works on []byte, answers with a syscall.Errno (0 for success) and allocates nothing. A call that was
// interrupted before it did anything is made again, except for the waits: there EINTR comes back, so that the loop
// reaches a point where the garbage collector can stop it, and does not count the interruption as a wake-up.
package raw

import (
	"syscall"
	"unsafe"
)

// pointer is the address of a slice's bytes; an empty slice has one too, or nil.
func pointer(p []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(p)) }

// Read reads what is there. On a descriptor that is not non-blocking it would hold up the scheduler.
func Read(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)))
		if errno != syscall.EINTR {
			return count(n, errno), errno
		}
	}
}

// Write writes what fits.
func Write(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)))
		if errno != syscall.EINTR {
			return count(n, errno), errno
		}
	}
}

// Recv receives what a socket has, with flags such as MSG_PEEK. It never blocks, whatever the descriptor's mode.
func Recv(fd int, p []byte, flags int) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)),
			uintptr(flags|syscall.MSG_DONTWAIT), 0, 0)
		if errno != syscall.EINTR {
			return count(n, errno), errno
		}
	}
}

// RecvWaiting waits until a socket that is not non-blocking has something, and receives it (ordinary). EINTR comes back.
func RecvWaiting(fd int, p []byte) (int, syscall.Errno) {
	enterWait()
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)), 0, 0, 0)
	leaveWait()
	return count(n, errno), errno
}

// RecvAttended is RecvWaiting for one of many threads, which keeps its processor (see attended).
func RecvAttended(fd int, p []byte) (int, syscall.Errno) {
	attended()
	n, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)), 0, 0, 0)
	return count(n, errno), errno
}

// Send sends what fits into a socket's buffer. It never blocks, and a peer that is gone gives EPIPE, not SIGPIPE.
func Send(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)),
			syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
		if errno != syscall.EINTR {
			return count(n, errno), errno
		}
	}
}

// Close closes a descriptor that does not linger (SO_LINGER with a time makes close wait, even on a non-blocking
// socket: use CloseSlowly). Linux has closed it even when it says EINTR, so it is never tried again.
func Close(fd int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
	return errno
}

// CloseSlowly closes a descriptor whose close may block (ordinary).
func CloseSlowly(fd int) syscall.Errno {
	enterWait()
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
	leaveWait()
	return errno
}

// Shutdown ends one or both directions of a connection: SHUT_RD, SHUT_WR, SHUT_RDWR.
func Shutdown(fd, how int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
	return errno
}

// count is the result of a call that gives a number of bytes; a failed one gave none.
func count(n uintptr, errno syscall.Errno) int {
	if errno != 0 {
		return 0
	}
	return int(n)
}
