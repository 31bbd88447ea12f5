package engines

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ZoneIndex is the interface that the zone of an IPv6 address names, "eth0" or its number, in the network that the
// socket is in.
func ZoneIndex(fd int, zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	req, err := unix.NewIfreq(zone)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	}
	if err != nil {
		return 0, &Error{"use interface", zone, syscall.ENODEV}
	}
	return req.Uint32(), nil
}
