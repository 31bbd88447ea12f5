package child

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// A Table is counters in memory that a parent shares with its children, a row for each: so that the parent sees what a
// child has counted so far, and still does when the child has been killed.
type Table struct {
	file *os.File // a memfd; nil in a child, which has it mapped
	rows []engines.Counters

	mu   sync.Mutex
	free []int
	next int
}

// rowSize is the same in parent and child: they are one program.
const rowSize = int(unsafe.Sizeof(engines.Counters{}))

// MostChildren bounds the rows of a table, and so the children of a server.
const MostChildren = 16384

// NewTable makes a table of empty rows. What nobody has touched takes no memory.
func NewTable() (*Table, error) {
	fd, err := unix.MemfdCreate("nsh-counters", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	t := &Table{file: os.NewFile(uintptr(fd), "counters")}
	if err := t.file.Truncate(MostChildren * int64(rowSize)); err != nil {
		t.file.Close()
		return nil, err
	}
	if err := t.mmap(fd); err != nil {
		t.file.Close()
		return nil, err
	}
	return t, nil
}

// openTable maps the table of the parent.
func openTable(fd int) (*Table, error) {
	t := &Table{}
	return t, t.mmap(fd)
}

func (t *Table) mmap(fd int) error {
	memory, err := unix.Mmap(fd, 0, MostChildren*rowSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	t.rows = unsafe.Slice((*engines.Counters)(unsafe.Pointer(unsafe.SliceData(memory))), MostChildren)
	// Stats may be asked for long after the server has ended, so the memory goes with whoever could ask.
	runtime.AddCleanup(t, func(m []byte) { unix.Munmap(m) }, memory)
	return nil
}

// Row is a child's counters.
func (t *Table) Row(i int) *engines.Counters { return &t.rows[i] }

var errFull = errors.New("there are as many children as a server may have")

// Take gives a row that nobody has, all zero.
func (t *Table) Take() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i, nil
	}
	if t.next == MostChildren {
		return 0, errFull
	}
	t.next++
	return t.next - 1, nil
}

// Fold adds the row of a child that has ended to the counters of its parent, and gives it back. What it had not sent is
// lost with it.
func (t *Table) Fold(i int, into *engines.Counters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := &t.rows[i]
	into.BytesIn.Add(row.BytesIn.Swap(0))
	into.BytesOut.Add(row.BytesOut.Swap(0))
	into.Wakeups.Add(row.Wakeups.Swap(0))
	into.Syscalls.Add(row.Syscalls.Swap(0))
	row.Accepted.Store(0)
	row.Closed.Store(0)
	row.Unsent.Store(0)
	t.free = append(t.free, i)
}

// Add adds the rows in use to the stats.
func (t *Table) Add(s *engines.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.rows[:t.next] {
		row := &t.rows[i]
		s.BytesIn += row.BytesIn.Load()
		s.BytesOut += row.BytesOut.Load()
		s.Wakeups += row.Wakeups.Load()
		s.Syscalls += row.Syscalls.Load()
		s.Unsent += row.Unsent.Load()
	}
}

// Close closes the file; the rows can still be read.
func (t *Table) Close() { t.file.Close() }
