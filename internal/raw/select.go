package raw

import (
	"math/bits"
	"syscall"
	"time"
	"unsafe"
)

// FdSetSize is how many descriptors a set of select(2) has room for. It is compiled into every program, C's as well:
// descriptor 1024 has no bit.
const FdSetSize = 1024

// An FdSet is the kernel's fd_set: one bit for each descriptor from 0 to 1023.
type FdSet [FdSetSize / 64]uint64

// Set adds a descriptor, which must be below FdSetSize.
func (s *FdSet) Set(fd int) { s[fd/64] |= 1 << (fd % 64) }

// Clear takes a descriptor out.
func (s *FdSet) Clear(fd int) { s[fd/64] &^= 1 << (fd % 64) }

// IsSet says whether a descriptor is in the set.
func (s *FdSet) IsSet(fd int) bool { return s[fd/64]&(1<<(fd%64)) != 0 }

// Width is one more than the highest descriptor in the set: the first argument of select(2).
func (s *FdSet) Width() int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 0 {
			return i*64 + bits.Len64(s[i])
		}
	}
	return 0
}

// SelectRaw waits without the scheduler; see EpollWaitRaw for what that asks of the caller. The sets come back with
// the ready descriptors only.
func SelectRaw(width int, read, write *FdSet, timeout time.Duration) (int, syscall.Errno) {
	ts := syscall.NsecToTimespec(int64(timeout))
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PSELECT6, uintptr(width), uintptr(unsafe.Pointer(read)),
		uintptr(unsafe.Pointer(write)), 0, uintptr(unsafe.Pointer(&ts)), 0)
	return count(n, errno), errno
}

// Select waits as long as it takes (ordinary); a negative time is for ever.
func Select(width int, read, write *FdSet, timeout time.Duration) (int, syscall.Errno) {
	return Select3(width, read, write, nil, timeout)
}

// Select3 is Select with the third set, of descriptors that something exceptional is to be known of: urgent data.
func Select3(width int, read, write, except *FdSet, timeout time.Duration) (int, syscall.Errno) {
	var ts syscall.Timespec
	var limit unsafe.Pointer
	if timeout >= 0 {
		ts = syscall.NsecToTimespec(int64(timeout))
		limit = unsafe.Pointer(&ts)
	}
	enterWait()
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PSELECT6, uintptr(width), uintptr(unsafe.Pointer(read)),
		uintptr(unsafe.Pointer(write)), uintptr(unsafe.Pointer(except)), uintptr(limit), 0)
	leaveWait()
	return count(n, errno), errno
}
