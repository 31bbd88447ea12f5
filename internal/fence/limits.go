package fence

import (
	"time"

	"golang.org/x/sys/unix"
)

// Limits are what one process may use.
type Limits struct {
	Memory uint64        // bytes of data (RLIMIT_DATA); 0 is no limit
	CPU    time.Duration // of processors (RLIMIT_CPU), SIGXCPU when it is used up and SIGKILL a second later; 0 is none
}

// LeastMemory is what a Go program starts with, with a little to live on: it takes its heap in pieces of 64 MiB.
const LeastMemory = 96 << 20

// Apply sets the limits of this process, and so of those that it starts from now on; as many descriptors as there may
// be, and no core files. A limit that is lower already stays.
func (l Limits) Apply() error {
	if l.Memory > 0 {
		if err := lower(unix.RLIMIT_DATA, l.Memory, l.Memory); err != nil {
			return err
		}
	}
	if l.CPU > 0 {
		s := uint64((l.CPU + time.Second - 1) / time.Second)
		if err := lower(unix.RLIMIT_CPU, s, s+1); err != nil {
			return err
		}
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	files.Cur = files.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	return lower(unix.RLIMIT_CORE, 0, 0)
}

func lower(which int, soft, hard uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(which, &now); err != nil {
		return err
	}
	return unix.Setrlimit(which, &unix.Rlimit{Cur: min(soft, now.Cur), Max: min(hard, now.Max)})
}
