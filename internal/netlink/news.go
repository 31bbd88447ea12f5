package netlink

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Groups of NETLINK_SOCK_DIAG (enum sknetlink_groups, linux/sock_diag.h): the kernel tells of each TCP socket that it
// frees. Anybody may hear it.
const (
	groupTCPDestroyed  = 1 // SKNLGRP_INET_TCP_DESTROY
	groupTCP6Destroyed = 3 // SKNLGRP_INET6_TCP_DESTROY
)

// HearDestroyed has the descriptor, a socket as Dump has, receive what the kernel tells of TCP sockets that are freed. A
// kernel that does not tell says so with an error.
func HearDestroyed(fd int) error {
	groups := uint32(1<<(groupTCPDestroyed-1) | 1<<(groupTCP6Destroyed-1))
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}))
}

// Destroyed takes the sockets that were freed since the last time, as they were at their end: in CLOSE, and one that its
// own side has reset without ports. It does not wait. all is
// false when the kernel had told of more than there was room for.
func Destroyed(fd int, buf []byte, tell func(*Socket)) (all bool) {
	all = true
	for {
		n, from, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			all = false
			continue
		case err != nil:
			return all
		}
		if nl, ok := from.(*unix.SockaddrNetlink); !ok || nl.Pid != 0 {
			continue
		}
		for m, rest, more := nextMessage(buf[:n]); more; m, rest, more = nextMessage(rest) {
			var s Socket
			if m.typ == unix.SOCK_DIAG_BY_FAMILY && parseSocket(m.payload, &s) {
				tell(&s)
			}
		}
	}
}
