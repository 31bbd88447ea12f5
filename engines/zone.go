package engines

import (
	"net"
	"strconv"
	"syscall"
)

// zoneIndex is the interface that the zone of an IPv6 address names: "eth0", or its number.
func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifc, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, &Error{"use interface", zone, syscall.ENODEV}
	}
	return uint32(ifc.Index), nil
}
