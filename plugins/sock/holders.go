package sock

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
)

// A holder is a descriptor of a socket in a process.
type holder struct {
	PID     int    `lua:"pid" help:"the process"`
	FD      int    `lua:"fd" help:"its descriptor of the socket"`
	Process string `lua:"process" help:"the process's name"`
}

// holders are the processes behind inodes. The kernel's socket table does not have them: they are found by looking
// through /proc/PID/fd (proc(5)), which is done once, when somebody asks first, and shows an ordinary user only their
// own processes.
type holders struct {
	once sync.Once
	by   map[uint32][]holder
}

// of lists who holds an inode, lowest pid first, and of one process the lowest descriptor.
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
	names, _ := d.Readdirnames(-1)
	var fds []int
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	me := holder{PID: pid}
	for _, fd := range fds {
		target, err := os.Readlink(dir + "/fd/" + strconv.Itoa(fd))
		if err != nil {
			continue
		}
		inode, ok := socketInode(target)
		if !ok {
			continue
		}
		if me.Process == "" {
			comm, _ := os.ReadFile(dir + "/comm")
			me.Process = strings.TrimSuffix(string(comm), "\n")
		}
		me.FD = fd
		by[inode] = append(by[inode], me)
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

// holdersOf is who has the socket of a connection, or of a row of sock.list, open. Wherever the socket's network is, its
// descriptors are in processes of this machine, and those that can be seen are searched.
func holdersOf(_ context.Context, conn lua.Value) ([]holder, error) {
	inode, err := inodeOf(conn)
	if err != nil {
		return nil, err
	}
	found := (&holders{}).of(inode)
	if found == nil {
		found = []holder{} // an empty list is an answer
	}
	return found, nil
}

func inodeOf(conn lua.Value) (uint32, error) {
	switch c := conn.Object().(type) {
	case *Row:
		return c.Inode, nil
	case Conn:
		fd := c.Fileno()
		var st unix.Stat_t
		err := unix.Fstat(fd, &st)
		// A descriptor that was closed meanwhile may be another file's: what fstat said counts only if it was not.
		if fd < 0 || c.Fileno() != fd {
			return 0, lua.Misusef("conn", "the connection is closed")
		}
		if err != nil {
			return 0, lua.NewFault("fstat", "", err)
		}
		return uint32(st.Ino), nil
	}
	got := conn.TypeName()
	if conn.IsNil() {
		got = "nothing"
	}
	return 0, lua.Misusef("conn", "Conn or Socket (a row of sock.list) expected, got %s", got)
}
