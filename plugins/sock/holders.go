package sock

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A holder is a process that has a descriptor of a socket.
type holder struct {
	pid     int
	process string
}

// holders are the processes behind inodes. The kernel's socket table does not have them: they are found by looking
// through /proc/PID/fd (proc(5)), which is done once, when somebody asks first, and shows an ordinary user only their
// own processes.
type holders struct {
	once sync.Once
	by   map[uint32][]holder
}

// of lists who holds an inode, lowest pid first.
func (h *holders) of(inode uint32) []holder {
	if inode == 0 {
		return nil
	}
	h.once.Do(func() { h.by = scan("/proc") })
	return h.by[inode]
}

func scan(proc string) map[uint32][]holder {
	by := map[uint32][]holder{}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return by
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		scanProcess(proc+"/"+strconv.Itoa(pid), pid, by)
	}
	return by
}

// scanProcess may fail at any step: the process may end meanwhile, or be another user's.
func scanProcess(dir string, pid int, by map[uint32][]holder) {
	d, err := os.Open(dir + "/fd")
	if err != nil {
		return
	}
	defer d.Close()
	fds, _ := d.Readdirnames(-1)
	me := holder{pid: pid}
	for _, fd := range fds {
		target, err := os.Readlink(dir + "/fd/" + fd)
		if err != nil {
			continue
		}
		inode, ok := socketInode(target)
		if !ok {
			continue
		}
		if me.process == "" {
			comm, _ := os.ReadFile(dir + "/comm")
			me.process = strings.TrimSuffix(string(comm), "\n")
		}
		if list := by[inode]; len(list) == 0 || list[len(list)-1].pid != pid {
			by[inode] = append(list, me)
		}
	}
}

// socketInode reads "socket:[123]".
func socketInode(target string) (uint32, bool) {
	rest, ok := strings.CutPrefix(target, "socket:[")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 32)
	return uint32(n), err == nil
}
