package child

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fork makes a child by fork(2) without exec, which serves one connection: what it gets it sends back, or throws away.
// It has this process's memory as it was, copied page by page as one of the two writes to it.
//
// Go's runtime does not survive a fork, with one of its threads and all of its locks. So the child runs one function,
// below, that makes system calls and nothing else.
func (f *Family) Fork(fd int, discard bool, w *Work) (*Child, error) {
	c := &Child{family: f, work: w, ended: make(chan struct{})}
	b := bare{fd: uintptr(fd), alive: f.watched.Fd(), buf: uintptr(unsafe.Pointer(unsafe.SliceData(f.room))), size: uintptr(len(f.room)), discard: discard}
	row := f.Table.Row(w.Row)
	b.in, b.out = unsafe.Pointer(&row.BytesIn), unsafe.Pointer(&row.BytesOut)
	b.calls, b.wakeups = unsafe.Pointer(&row.Syscalls), unsafe.Pointer(&row.Wakeups)
	pidfd := int32(-1)
	err := f.make(c, func() error {
		pid, errno := forkBare(&b, &pidfd)
		if errno != 0 {
			return os.NewSyscallError("fork", errno)
		}
		c.pid = int(pid)
		unix.CloseOnExec(int(pidfd))
		c.watch(int(pidfd))
		return nil
	})
	runtime.KeepAlive(f)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// bare is all that the child of Fork works on. Its row of counters is written by it alone, so that plain stores do.
type bare struct {
	fd, alive               uintptr
	buf, size               uintptr
	discard                 bool
	in, out, calls, wakeups unsafe.Pointer // of *int64
	fds                     [2]pollFd
}

type pollFd struct {
	fd              int32
	events, revents int16
}

const (
	pollIn   = 0x1
	pollOut  = 0x4
	pollDead = 0x8 | 0x10 // POLLERR, POLLHUP
)

// These are what package syscall itself calls around a fork: signals are held up, and in the child their handlers,
// which are Go's, are taken away.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// forkBare forks. In the child it does not return.
func forkBare(b *bare, pidfd *int32) (pid uintptr, errno syscall.Errno) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	return forkAndServe(b, pidfd, uintptr(os.Getpid()))
}

// forkAndServe: from here on nothing may allocate, lock, grow the stack or be watched by the race detector.
//
//go:norace
//go:nosplit
func forkAndServe(b *bare, pidfd *int32, parent uintptr) (pid uintptr, errno syscall.Errno) {
	beforeFork()
	pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD)|unix.CLONE_PIDFD, 0, uintptr(unsafe.Pointer(pidfd)), 0, 0, 0)
	if errno != 0 || pid != 0 {
		afterFork()
		return pid, errno
	}
	afterForkInChild()
	serveBare(b, parent)
	return 0, 0
}

// serveBare is the child's life.
//
//go:norace
//go:nosplit
func serveBare(b *bare, parent uintptr) {
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	if ppid, _, _ := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); ppid != parent {
		exitBare(0) // it was too late for the signal
	}
	syscall.RawSyscall(syscall.SYS_SETPGID, 0, 0, 0) // Ctrl-C at the prompt ends the line and not the servers
	// All descriptors were copied: the listener, whatever clients the script has, and the end of the pipe that keeps the
	// children of a dead parent alive.
	low, high := b.fd, b.alive
	if low > high {
		low, high = high, low
	}
	closeRange(0, low-1, low > 0)
	closeRange(low+1, high-1, low+1 < high)
	closeRange(high+1, 1<<31-1, true)
	b.fds[0].fd, b.fds[1].fd = int32(b.fd), int32(b.alive)
	for {
		if !awaitBare(b, pollIn) {
			exitBare(0)
		}
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, b.fd, b.buf, b.size, syscall.MSG_DONTWAIT, 0, 0)
		*(*int64)(b.calls)++
		switch {
		case errno == syscall.EAGAIN || errno == syscall.EINTR:
			continue
		case errno != 0:
			exitBare(uintptr(errno))
		case n == 0:
			exitBare(0)
		}
		*(*int64)(b.in) += int64(n)
		if !b.discard {
			sendBare(b, n)
		}
	}
}

// sendBare sends what was received.
//
//go:norace
//go:nosplit
func sendBare(b *bare, size uintptr) {
	for sent := uintptr(0); sent < size; {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, b.fd, b.buf+sent, size-sent, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
		*(*int64)(b.calls)++
		switch {
		case errno == syscall.EAGAIN:
			if !awaitBare(b, pollOut) {
				exitBare(0)
			}
		case errno == syscall.EINTR:
		case errno != 0:
			exitBare(uintptr(errno))
		default:
			*(*int64)(b.out) += int64(n)
			sent += n
		}
	}
}

// awaitBare waits for the connection; false is the death of the parent.
//
//go:norace
//go:nosplit
func awaitBare(b *bare, events int16) bool {
	b.fds[0].events, b.fds[0].revents, b.fds[1].revents = events, 0, 0
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&b.fds)), 2, 0, 0, 0, 0)
		*(*int64)(b.calls)++
		if errno == syscall.EINTR {
			continue
		}
		if b.fds[1].revents&pollDead != 0 {
			return false
		}
		*(*int64)(b.wakeups)++
		return true
	}
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
