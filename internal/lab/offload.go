package lab

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is a struct ethtool_value, and ethtoolRequest a struct ifreq with it (netdevice(7), linux/ethtool.h).
type ethtoolValue struct {
	command, data uint32
}

type ethtoolRequest struct {
	name  [unix.IFNAMSIZ]byte
	value *ethtoolValue
	_     [16]byte
}

// offload lets an interface of the host's put off checksums, and the cutting of large segments into frames, or not.
// Between two interfaces of one kernel they are put off for ever, since nobody looks; on a wire frames are what they
// would be on a cable: no longer than the MTU, each with its own chance, its checksums right.
//
// Without checksums the kernel puts off nothing of the rest either; it remembers what was wanted, and has it again
// with them.
func (h *host) offload(name string, on bool) error {
	if err := h.enter(); err != nil {
		return err
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	value := ethtoolValue{command: unix.ETHTOOL_STXCSUM}
	if on {
		value.data = 1
	}
	request := ethtoolRequest{value: &value}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 && errno != unix.ENODEV { // somebody in the laboratory has renamed it: the notes before frames do then
		return os.NewSyscallError("ethtool", errno)
	}
	return nil
}
