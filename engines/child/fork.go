package child

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// Fork makes a child by fork(2) without exec, which serves one connection: what it gets it sends back, or throws away.
// It has this process's memory as it was, copied page by page as one of the two writes to it.
//
// Go's runtime does not survive a fork, with one of its threads and all of its locks. So the child runs one function,
// serveBare, that makes system calls and nothing else.
// It is called on the thread that makes children.
func (f *Family) Fork(fd int, discard bool, w *Work) (*Child, error) {
	c := &Child{family: f, work: w, ended: make(chan struct{})}
	if err := f.begin(); err != nil {
		return nil, err
	}
	err := f.clone(c, &bare{fd: uintptr(fd), discard: discard})
	if err == nil {
		if err = f.watchFork(c); err != nil { // without memory for it
			unix.Kill(c.pid, unix.SIGKILL)
			reap(c.pid)
			unix.Close(c.bareFd)
		}
	}
	f.made(c, err)
	return c, err
}

// ForkWorker is Fork for a child that accepts from a listener, which must not be non-blocking, and serves one connection
// after the other. What went wrong with them is heard by Work.Blame, and what did with an accept by Work.Refused.
func (f *Family) ForkWorker(listener int, discard bool, w *Work) (*Child, error) {
	ours, theirs, err := pass.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &Child{family: f, work: w, bare: true, ended: make(chan struct{})}
	unix.SetNonblock(ours, true)
	c.socket = os.NewFile(uintptr(ours), "worker")
	b := &bare{fd: uintptr(listener), socket: theirs.Fd(), worker: true, discard: discard}
	err = f.make(c, func() error {
		err := f.clone(c, b)
		if err == nil {
			c.watch(c.bareFd)
		}
		return err
	})
	runtime.KeepAlive(theirs)
	if err != nil {
		c.socket.Close()
	}
	return c, err
}

// clone makes the child.
func (f *Family) clone(c *Child, b *bare) error {
	b.buf, b.size = uintptr(unsafe.Pointer(unsafe.SliceData(f.room))), uintptr(len(f.room))
	row := f.Table.Row(c.work.Row)
	b.count = bareCounts{unsafe.Pointer(&row.Accepted), unsafe.Pointer(&row.Closed), unsafe.Pointer(&row.BytesIn),
		unsafe.Pointer(&row.BytesOut), unsafe.Pointer(&row.Syscalls), unsafe.Pointer(&row.Wakeups)}
	pidfd := int32(-1)
	pid, errno := forkBare(b, &pidfd)
	runtime.KeepAlive(f)
	if errno != 0 {
		return os.NewSyscallError("fork", errno)
	}
	c.pid, c.bareFd = int(pid), int(pidfd)
	return nil
}

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
	args := cloneArgs{flags: unix.CLONE_PIDFD | clearSignals, exitSignal: uint64(syscall.SIGCHLD)}
	return forkAndServe(b, &args, pidfd, uintptr(os.Getpid()))
}

// cloneArgs is the kernel's struct clone_args, in its first version.
type cloneArgs struct{ flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls uint64 }

// clearSignals is CLONE_CLEAR_SIGHAND: the kernel takes all handlers away, for which Go would make 60 calls.
const clearSignals = 1 << 32

// forkAndServe: from here on nothing may allocate, lock, grow the stack or be watched by the race detector.
//
//go:norace
//go:nosplit
func forkAndServe(b *bare, args *cloneArgs, pidfd *int32, parent uintptr) (pid uintptr, errno syscall.Errno) {
	beforeFork()
	args.pidfd = uint64(uintptr(unsafe.Pointer(pidfd)))
	cleared := true
	pid, _, errno = syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if errno == syscall.ENOSYS || errno == syscall.EINVAL || errno == syscall.EPERM { // Linux before 5.5, and filters of containers
		cleared = false
		pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD)|unix.CLONE_PIDFD, 0, uintptr(unsafe.Pointer(pidfd)), 0, 0, 0)
	}
	if errno != 0 || pid != 0 {
		afterFork()
		return pid, errno
	}
	if cleared {
		b.signals = 0
		syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&b.signals)), 0, 8, 0, 0)
	} else {
		afterForkInChild()
	}
	serveBare(b, parent)
	return 0, 0
}

const sigSetmask = 2 // SIG_SETMASK
