package raw

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"
)

// Accept takes one connection from a listener's queue, close-on-exec and non-blocking, with its peer's address.
func Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	var sa syscall.RawSockaddrAny
	for {
		size := uint32(unsafe.Sizeof(sa))
		nfd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
			uintptr(unsafe.Pointer(&size)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return -1, netip.AddrPort{}, errno
		}
		return int(nfd), address(&sa), 0
	}
}

// AcceptWaiting is Accept on a listener that is not non-blocking: the thread sleeps until there is a connection
// (ordinary). EINTR comes back.
func AcceptWaiting(fd int) (int, netip.AddrPort, syscall.Errno) {
	var sa syscall.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	enterWait()
	nfd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
		uintptr(unsafe.Pointer(&size)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
	leaveWait()
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(nfd), address(&sa), 0
}

// LocalAddr is the address a socket is bound to; the zero value when the kernel knows none.
func LocalAddr(fd int) netip.AddrPort { return name(syscall.SYS_GETSOCKNAME, fd) }

// PeerAddr is the address a socket is connected to; the zero value when it is not connected.
func PeerAddr(fd int) netip.AddrPort { return name(syscall.SYS_GETPEERNAME, fd) }

func name(call uintptr, fd int) netip.AddrPort {
	var sa syscall.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	_, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}
	}
	return address(&sa)
}

// address reads an IPv4 or IPv6 address. An IPv4 peer of an IPv6 socket is given as what it is, an IPv4 address.
func address(sa *syscall.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case syscall.AF_INET:
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case syscall.AF_INET6:
		in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(sa))
		addr := netip.AddrFrom16(in.Addr).Unmap()
		if in.Scope_id != 0 {
			addr = addr.WithZone(strconv.Itoa(int(in.Scope_id)))
		}
		return netip.AddrPortFrom(addr, port(&in.Port))
	}
	return netip.AddrPort{}
}

// port reads a port, which a sockaddr holds in network order.
func port(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:])
}

// SetNonblock sets, or takes away, the mode in which calls on a descriptor do not wait. It is the open file's: whoever has a
// copy of the descriptor has it, too.
func SetNonblock(fd int, on bool) syscall.Errno {
	flags := uintptr(0)
	if on {
		flags = syscall.O_NONBLOCK
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, flags)
	return errno
}

// GetInt reads an option whose value is an int.
func GetInt(fd, level, option int) (int, syscall.Errno) {
	var v int32
	size := uint32(unsafe.Sizeof(v))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	return int(v), errno
}

// SetInt sets an option whose value is an int.
func SetInt(fd, level, option, value int) syscall.Errno {
	v := int32(value)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
	return errno
}

// GetOption reads an option into p and says how many bytes the kernel wrote.
func GetOption(fd, level, option int, p []byte) (int, syscall.Errno) {
	size := uint32(len(p))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(pointer(p)), uintptr(unsafe.Pointer(&size)), 0)
	return count(uintptr(size), errno), errno
}

// SetOption sets an option from its bytes.
func SetOption(fd, level, option int, p []byte) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(pointer(p)), uintptr(len(p)), 0)
	return errno
}

// SetLinger sets SO_LINGER: with on and 0 seconds, close sends a reset; with on and more, close waits that long.
func SetLinger(fd int, on bool, seconds int) syscall.Errno {
	l := syscall.Linger{Linger: int32(seconds)}
	if on {
		l.Onoff = 1
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, syscall.SO_LINGER,
		uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	return errno
}
