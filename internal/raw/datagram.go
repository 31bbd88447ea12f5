package raw

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"
)

// RecvFrom receives one datagram and says who sent it. It never blocks. What does not fit into p is lost.
func RecvFrom(fd int, p []byte) (int, netip.AddrPort, syscall.Errno) {
	var sa syscall.RawSockaddrAny
	for {
		size := uint32(unsafe.Sizeof(sa))
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)),
			syscall.MSG_DONTWAIT, uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
		switch errno {
		case syscall.EINTR:
			continue
		case 0:
			return int(n), address(&sa), 0
		}
		return 0, netip.AddrPort{}, errno
	}
}

// SendTo sends one datagram. It never blocks. V6 says that the socket is one of IPv6, which knows IPv4 peers by mapped
// addresses only.
func SendTo(fd int, p []byte, to netip.AddrPort, v6 bool) syscall.Errno {
	var sa4 syscall.RawSockaddrInet4
	var sa6 syscall.RawSockaddrInet6
	sa, size := unsafe.Pointer(&sa4), unsafe.Sizeof(sa4)
	if v6 {
		sa, size = unsafe.Pointer(&sa6), unsafe.Sizeof(sa6)
		sa6.Family, sa6.Addr = syscall.AF_INET6, to.Addr().As16()
		if scope, err := strconv.ParseUint(to.Addr().Zone(), 10, 32); err == nil {
			sa6.Scope_id = uint32(scope)
		}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa6.Port))[:], to.Port())
	} else {
		sa4.Family, sa4.Addr = syscall.AF_INET, to.Addr().Unmap().As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa4.Port))[:], to.Port())
	}
	for {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(pointer(p)), uintptr(len(p)),
			syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, uintptr(sa), size)
		if errno != syscall.EINTR {
			return errno
		}
	}
}
