package lab

import (
	"os"

	"golang.org/x/sys/unix"
)

// nsGetUserNS is NS_GET_USERNS (ioctl_nsfs(2)): the user namespace that owns a namespace.
const nsGetUserNS = 0xb701

// initialUserNS is the inode of the machine's own user namespace (PROC_USER_INIT_INO of linux/proc_ns.h).
const initialUserNS = 0xeffffffd

// ownNetwork says that this process's network is not one of its own. It is when its owner is the user namespace that the
// process is in, and that is not the machine's.
func ownNetwork() error {
	net, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return errNotOwn
	}
	defer net.Close()
	owner, err := unix.IoctlRetInt(int(net.Fd()), nsGetUserNS)
	if err != nil {
		return errNotOwn // who may not know the owner is not in it
	}
	defer unix.Close(owner)
	var of, mine unix.Stat_t
	if unix.Fstat(owner, &of) != nil || unix.Stat("/proc/self/ns/user", &mine) != nil || of.Ino != mine.Ino || of.Ino == initialUserNS {
		return errNotOwn
	}
	return nil
}
