package shell

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioUringSetup is io_uring_setup(2), which package unix does not have.
func ioUringSetup(entries uint32, params []uint32) (fd int, err error) {
	r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&params[0])), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}
