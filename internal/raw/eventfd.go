package raw

import (
	"syscall"
	"unsafe"
)

// Eventfd makes a descriptor that Notify makes readable and Drain makes quiet again: how one thread wakes another
// out of poll, select or epoll_wait. Close-on-exec and non-blocking.
func Eventfd() (int, syscall.Errno) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), 0
}

// Notify makes an eventfd readable. A counter that is already full stays readable, so EAGAIN is no failure.
func Notify(fd int) {
	one := uint64(1)
	Write(fd, (*[8]byte)(unsafe.Pointer(&one))[:])
}

// Drain makes an eventfd quiet until the next Notify.
func Drain(fd int) {
	var buf [8]byte
	Read(fd, buf[:])
}
