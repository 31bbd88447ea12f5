// Package uring is io_uring on bare system calls, as far as an event loop needs it: a ring that one thread submits to
// and takes completions from, and buffers that the kernel chooses from when it receives. io_uring(7), io_uring_setup(2),
// io_uring_enter(2), linux/io_uring.h.
package uring

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A Ring is one io_uring. Only Enable may be called by another thread than all the other methods: that of the former is
// the ring's (IORING_SETUP_SINGLE_ISSUER).
type Ring struct {
	fd           int
	rings, array []byte // the memory shared with the kernel: both queues' ends and the completions; the submissions
	entries      uint32
	sqHead       *uint32
	sqTail       *uint32
	sqMask       uint32
	sqes         []SQE
	cqHead       *uint32
	cqTail       *uint32
	cqMask       uint32
	cqes         []CQE
	queued       uint32 // submissions that the kernel has not been told of
	arg          getEventsArg
	limit        unix.Timespec
}

// An SQE is a submission (struct io_uring_sqe).
type SQE struct {
	Opcode   uint8
	Flags    uint8
	IOPrio   uint16
	FD       int32
	Off      uint64
	Addr     uint64
	Len      uint32
	OpFlags  uint32
	UserData uint64
	BufGroup uint16
	_        [6]byte
	_        [2]uint64
}

// A CQE is a completion (struct io_uring_cqe). Res is a result, or minus an errno.
type CQE struct {
	UserData uint64
	Res      int32
	Flags    uint32
}

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// getEventsArg is struct io_uring_getevents_arg.
type getEventsArg struct {
	sigmask   uint64
	sigmaskSz uint32
	_         uint32
	ts        uint64
}

// What this package needs of linux/io_uring.h.
const (
	setupCQSize       = 1 << 3
	setupDisabled     = 1 << 6
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13
	featSingleMmap    = 1 << 0
	featExtArg        = 1 << 8
	enterGetEvents    = 1 << 0
	enterExtArg       = 1 << 3
	offRings          = 0
	offSQEs           = 0x10000000
	registerProbe     = 8
	registerEnable    = 12
	registerBuffers   = 22
)

// New makes a ring that does nothing before Enable. It asks for what Linux 6.1 has: one thread submits, and completions
// are made when that thread asks for them, rather than by interrupting it (IORING_SETUP_DEFER_TASKRUN). EINVAL is an
// older kernel, ENOSYS one without io_uring, EPERM one that forbids it.
func New(entries int) (*Ring, syscall.Errno) {
	p := params{cqEntries: uint32(8 * entries),
		flags: setupCQSize | setupDisabled | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun}
	fd, _, errno := syscall.RawSyscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, errno
	}
	r := &Ring{fd: int(fd), entries: p.sqEntries}
	if p.features&featSingleMmap == 0 || p.features&featExtArg == 0 {
		r.Close()
		return nil, syscall.EINVAL
	}
	size := max(p.sq.array+p.sqEntries*4, p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(CQE{})))
	var err error
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.rings, err = unix.Mmap(r.fd, offRings, int(size), prot, flags); err == nil {
		r.array, err = unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{})), prot, flags)
	}
	if err != nil {
		r.Close()
		errno, _ := err.(syscall.Errno)
		return nil, errno
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[offset])) }
	r.sqHead, r.sqTail, r.sqMask = at(p.sq.head), at(p.sq.tail), *at(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask = at(p.cq.head), at(p.cq.tail), *at(p.cq.mask)
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.array[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(at(p.cq.cqes))), p.cqEntries)
	order := unsafe.Slice(at(p.sq.array), p.sqEntries)
	for i := range order {
		order[i] = uint32(i) // the i-th submission stands in the i-th place
	}
	return r, 0
}

// Enable makes the calling thread the one that submits.
func (r *Ring) Enable() syscall.Errno { return r.register(registerEnable, nil, 0) }

func (r *Ring) register(what uintptr, arg unsafe.Pointer, n uintptr) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, uintptr(arg), n, 0, 0)
	return errno
}

// Supports says whether the kernel knows an operation.
func (r *Ring) Supports(ops ...uint8) bool {
	var probe struct {
		last, n uint8
		_       uint16
		_       [3]uint32
		ops     [256]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if r.register(registerProbe, unsafe.Pointer(&probe), 256) != 0 {
		return false
	}
	for _, op := range ops {
		if op > probe.last || probe.ops[op].flags&1 == 0 { // IO_URING_OP_SUPPORTED
			return false
		}
	}
	return true
}

// Submit queues a submission for the next Enter; false when there is no room before that.
func (r *Ring) Submit(sqe *SQE) bool {
	tail := *r.sqTail // written by this side only
	if tail-atomic.LoadUint32(r.sqHead) == r.entries {
		return false
	}
	r.sqes[tail&r.sqMask] = *sqe
	atomic.StoreUint32(r.sqTail, tail+1)
	r.queued++
	return true
}

// Enter hands the kernel what is queued and waits for a completion, at most for limit, or without limit where that is
// negative; 0 only looks. Ordinary says that it may take long: then the scheduler is told. A time that is over and an
// interruption are no errors.
func (r *Ring) Enter(ordinary bool, limit time.Duration) syscall.Errno {
	want, flags := uintptr(1), uintptr(enterGetEvents)
	var arg unsafe.Pointer
	var size uintptr
	switch {
	case limit == 0:
		want = 0
	case limit > 0:
		r.limit = unix.NsecToTimespec(int64(limit))
		r.arg.ts = uint64(uintptr(unsafe.Pointer(&r.limit)))
		arg, size, flags = unsafe.Pointer(&r.arg), unsafe.Sizeof(r.arg), flags|enterExtArg
	}
	call := syscall.RawSyscall6
	if ordinary {
		call = raw.Call6
	}
	n, _, errno := call(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(r.queued), want, flags, uintptr(arg), size)
	runtime.KeepAlive(r)
	if errno == 0 {
		r.queued -= uint32(n)
	}
	if errno == syscall.ETIME || errno == syscall.EINTR || errno == syscall.EBUSY || errno == syscall.EAGAIN {
		return 0 // EBUSY: take completions first; EAGAIN: the kernel has no memory at this moment
	}
	return errno
}

// Next takes one completion.
func (r *Ring) Next() (c CQE, ok bool) {
	head := *r.cqHead // written by this side only
	if head == atomic.LoadUint32(r.cqTail) {
		return c, false
	}
	c = r.cqes[head&r.cqMask]
	atomic.StoreUint32(r.cqHead, head+1)
	return c, true
}

// Close frees the ring. What is going on in it the kernel cancels, some time later.
func (r *Ring) Close() {
	for _, m := range [][]byte{r.rings, r.array} {
		if m != nil {
			unix.Munmap(m)
		}
	}
	syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(r.fd), 0, 0)
}
