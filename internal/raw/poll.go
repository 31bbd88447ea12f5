package raw

import (
	"syscall"
	"time"
	"unsafe"
)

// A PollFd is the kernel's struct pollfd.
type PollFd struct {
	Fd      int32
	Events  int16
	Revents int16
}

// The events of poll(2).
const (
	PollIn  = 0x1
	PollOut = 0x4
	PollErr = 0x8
	PollHup = 0x10
)

// Poll waits until a descriptor is ready or the time is over (ordinary); a negative time is for ever.
func Poll(fds []PollFd, timeout time.Duration) (int, syscall.Errno) {
	var ts syscall.Timespec
	var limit unsafe.Pointer
	if timeout >= 0 {
		ts = syscall.NsecToTimespec(int64(timeout))
		limit = unsafe.Pointer(&ts)
	}
	enterWait()
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))),
		uintptr(len(fds)), uintptr(limit), 0, 0, 0)
	leaveWait()
	return count(n, errno), errno
}

// PollRaw waits without the scheduler; see EpollWaitRaw for what that asks of the caller.
func PollRaw(fds []PollFd, timeout time.Duration) (int, syscall.Errno) {
	ts := syscall.NsecToTimespec(int64(timeout))
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))),
		uintptr(len(fds)), uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	return count(n, errno), errno
}

// PollNow says which of the events hold for a descriptor at this moment; PollErr and PollHup are always asked.
func PollNow(fd int, events int16) int16 {
	fds := PollFd{Fd: int32(fd), Events: events}
	var ts syscall.Timespec
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1,
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if errno != syscall.EINTR {
			return fds.Revents
		}
	}
}
