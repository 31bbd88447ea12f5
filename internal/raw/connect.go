package raw

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"
)

// A Sockaddr is an address as connect and bind take it, made once for many calls.
type Sockaddr struct {
	any  syscall.RawSockaddrAny
	size uintptr
}

// NewSockaddr is the Sockaddr of an IP address; scope is the number of the interface that an IPv6 zone means, or 0.
func NewSockaddr(at netip.AddrPort, scope uint32) *Sockaddr {
	s := &Sockaddr{}
	ip := at.Addr().Unmap()
	if ip.Is4() {
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&s.any))
		in.Family, in.Addr = syscall.AF_INET, ip.As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&in.Port))[:], at.Port())
		s.size = unsafe.Sizeof(*in)
		return s
	}
	in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&s.any))
	in.Family, in.Addr, in.Scope_id = syscall.AF_INET6, ip.As16(), scope
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&in.Port))[:], at.Port())
	s.size = unsafe.Sizeof(*in)
	return s
}

// MaxUnixPath is the longest path of a unix socket, in bytes (unix(7): sun_path has 108, one of them for the zero).
const MaxUnixPath = 107

// NewUnixSockaddr is the Sockaddr of a unix socket's path. One that begins with @ is abstract: no file has it.
func NewUnixSockaddr(path string) *Sockaddr {
	s := &Sockaddr{}
	un := (*syscall.RawSockaddrUnix)(unsafe.Pointer(&s.any))
	un.Family = syscall.AF_UNIX
	n := min(len(path), MaxUnixPath)
	for i := range n {
		un.Path[i] = int8(path[i])
	}
	s.size = 2 + uintptr(n) + 1
	if n > 0 && path[0] == '@' {
		un.Path[0] = 0
		s.size--
	}
	return s
}

// Connect begins to connect a non-blocking socket: EINPROGRESS. Asked again while it goes on it says EALREADY, or 0 once the
// connection is there: on loopback that is at once.
func Connect(fd int, to *Sockaddr) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to.any)), to.size)
		if errno != syscall.EINTR {
			return errno
		}
	}
}

// Bind gives a socket its own address.
func Bind(fd int, at *Sockaddr) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&at.any)), at.size)
	return errno
}
