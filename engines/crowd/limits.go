package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// errnoOf is the kernel's word in an error.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}

// limitText says in words what there is no more of.
func limitText(errno syscall.Errno) string {
	switch errno {
	case syscall.EMFILE:
		return "descriptors: a process may have " + strconv.Itoa(descriptorLimit()) + " (RLIMIT_NOFILE)"
	case syscall.ENFILE:
		return "descriptors: the machine's limit is reached (fs.file-max)"
	case syscall.EADDRNOTAVAIL:
		return "ports: the source address has none left for this peer (net.ipv4.ip_local_port_range)"
	case syscall.ENOMEM, syscall.ENOBUFS:
		return "memory: the kernel has none left for another socket"
	case syscall.EAGAIN:
		return "processes: the kernel allows no more (RLIMIT_NPROC, or the control group's pids.max)"
	}
	return ""
}

// A LimitError says that so many connections cannot be, which limit that is, and how many can.
type LimitError struct {
	Errno syscall.Errno
	N     int    // wanted
	Limit string // which, and its value
	Works int    // as many as would do
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("n = %d is more than %s; n = %d would work", e.N, e.Limit, e.Works)
}

// Unwrap is the errno that the kernel would have given.
func (e *LimitError) Unwrap() error { return e.Errno }

// descriptorLimit is how many descriptors a process may have here. What may be raised is: a privileged process gets what the
// kernel allows at all (fs.nr_open).
func descriptorLimit() int {
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &now) != nil {
		return 1024
	}
	most := uint64(readNumber("/proc/sys/fs/nr_open"))
	if most > now.Max && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: most, Max: most}) == nil {
		return int(most)
	}
	if now.Cur < now.Max && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: now.Max, Max: now.Max}) == nil {
		now.Cur = now.Max
	}
	return int(min(now.Cur, 1<<30))
}

// descriptorsOpen is how many this process has.
func descriptorsOpen() int {
	f, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	return len(names)
}

// spare are the descriptors that a process keeps for other things than its connections.
const spare = 64

// hereRoom is how many connections this process itself takes: a quarter of what it has room for, since its servers need
// descriptors, too.
func hereRoom() int {
	return max(0, (descriptorLimit()-descriptorsOpen()-spare)/4)
}

// workerRoom is how many a worker takes.
func workerRoom() int { return max(16, descriptorLimit()-spare) }

// What a held connection takes of the kernel's memory, and a worker of its own. They were measured: 4.7 KB for one end of a
// connection that has carried nothing (slab of sock, dentry, inode, file), and 9 to 10 KB where both ends are on the machine.
const (
	connMemory   = 5 << 10
	workerMemory = 8 << 20
	threads      = 8 // of a worker
)

// fits says why so many connections cannot be, or nil.
func fits(o *Order, place engines.Place, processes, inWorkers bool) error {
	n := o.N
	if room := hereRoom(); !processes && n > room {
		return &LimitError{syscall.EMFILE, n, fmt.Sprintf("the descriptors of a process allow (RLIMIT_NOFILE is %d, a part is for servers)", descriptorLimit()), room}
	}
	if room, why := portRoom(o, place); room > 0 && n > room {
		return &LimitError{syscall.EADDRNOTAVAIL, n, why, room}
	}
	if most := readNumber("/proc/sys/fs/file-max"); most > 0 && n > most {
		return &LimitError{syscall.ENFILE, n, fmt.Sprintf("the machine's descriptors allow (fs.file-max is %d)", most), most - 1024}
	}
	if room, why := memoryRoom(o); room > 0 && n > room {
		return &LimitError{syscall.ENOMEM, n, why, room}
	}
	if inWorkers {
		room, _ := engines.ThreadRoom()
		if most := room / threads * workerRoom(); n > most {
			return &LimitError{syscall.EAGAIN, n, fmt.Sprintf("the processes that are allowed could hold (%d threads, and %d descriptors in each process)", room, workerRoom()), most}
		}
	}
	return nil
}

// portRoom is how many ports there are; 0 is no limit.
func portRoom(o *Order, place engines.Place) (int, string) {
	if o.Path != "" || o.Spread > 0 {
		return 0, ""
	}
	if o.From.Port() != 0 {
		return 1, "one address with one port can have"
	}
	low, high := portRange(place)
	if high < low || high == 0 {
		return 0, ""
	}
	return high - low + 1, fmt.Sprintf("the ports of one address allow for one peer (net.ipv4.ip_local_port_range is %d to %d)", low, high)
}

func portRange(place engines.Place) (low, high int) {
	f, err := place.Open("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	text, _ := io.ReadAll(f)
	if fields := bytes.Fields(text); len(fields) == 2 {
		low, _ = strconv.Atoi(string(fields[0]))
		high, _ = strconv.Atoi(string(fields[1]))
	}
	return low, high
}

// memoryRoom is how many connections there is memory for; 0 is unknown.
func memoryRoom(o *Order) (int, string) {
	available := engines.MemAvailable()
	if available == 0 {
		return 0, ""
	}
	each := connMemory + workerMemory/workerRoom()
	if o.Spread > 0 || o.Path != "" || len(o.To) > 0 && o.To[0].Addr().IsLoopback() {
		each += connMemory // the other end is here, too
	}
	return available / each, fmt.Sprintf("the memory allows (%d MiB are available, and a connection takes about %d bytes of the kernel's)", available>>20, each)
}

func readNumber(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}
