package raw

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An EpollEvent is the kernel's struct epoll_event: what is ready, and the 64 bits given when it was registered.
type EpollEvent = syscall.EpollEvent

// EpollCreate makes an epoll descriptor, close-on-exec.
func EpollCreate() (int, syscall.Errno) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EPOLL_CREATE1, syscall.EPOLL_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), 0
}

// EpollCtl registers, changes or removes a descriptor: EPOLL_CTL_ADD, _MOD, _DEL. Fd and generation come back with
// each of its events, so that one about a descriptor's former owner can be told from one about the present.
func EpollCtl(ep, op, fd int, generation uint32, events uint32) syscall.Errno {
	ev := EpollEvent{Events: events, Fd: int32(fd), Pad: int32(generation)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	return errno
}

// EpollWaitRaw waits without the scheduler, which makes it the fastest there is and a guest that must leave soon:
// the processor it runs on serves no other goroutine meanwhile, and stopping the world waits for it. Wait a
// millisecond or two, call a Go function (Safepoint), and use EpollWait when nothing came.
func EpollWaitRaw(ep int, events []EpollEvent, milliseconds int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	return count(n, errno), errno
}

// EpollWait waits as long as it takes (ordinary); -1 milliseconds is for ever.
func EpollWait(ep int, events []EpollEvent, milliseconds int) (int, syscall.Errno) {
	enterWait()
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(ep),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	leaveWait()
	return count(n, errno), errno
}

// EpollWaitFor is EpollWait, or with brief set EpollWaitRaw, for a time that need not be whole milliseconds:
// epoll_pwait2, of Linux 5.11. An older kernel says ENOSYS.
func EpollWaitFor(ep int, events []EpollEvent, limit time.Duration, brief bool) (int, syscall.Errno) {
	ts := syscall.NsecToTimespec(int64(limit))
	if !brief {
		enterWait()
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if !brief {
		leaveWait()
	}
	return count(n, errno), errno
}

// EpollSet is EpollCtl with 64 bits of the caller's own.
func EpollSet(ep, op, fd int, ev *EpollEvent) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(ev)), 0, 0)
	return errno
}
