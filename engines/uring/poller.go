package uring

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/uring"
)

// How much the kernel and this program share.
const (
	entries     = 1024 // submissions between two waits
	buffers     = 256  // that the kernel chooses from when something comes; a power of 2
	bufferSize  = 16 << 10
	completions = 512 // taken at a time
)

// The kinds of submissions, which come back with their completions.
const (
	accepts = iota + 1
	receives
	polls
	cancels
	sends
)

// A state is what stands in the ring for a descriptor.
type state struct {
	tag       uint32
	want      engines.Interest
	receiving bool             // a receive that completes again and again
	polled    engines.Interest // a poll for this, which completes once
	sending   int32            // a send, which completes once: 1 + its number
}

// A poller waits with io_uring_enter, which also hands in all that has been asked for since the last time.
type poller struct {
	ring      *uring.Ring
	buffers   *uring.Buffers
	listener  int
	readiness bool // the handler reads for itself: it is told that it can

	states engines.Table[state]
	todo   []uring.SQE      // to be submitted
	more   bool             // there was no room for all of it
	going  [][]byte         // what is being sent, which the kernel reads, by the number of the send
	free   []int32          // numbers of no send
	late   map[uint64]int32 // the sends of former owners of their descriptors

	// The loop's own, which it touches without its lock.
	fell   []uint64 // the user data of submissions that will not complete again
	done   [completions]engines.Completion
	flying int // submissions that have not come to their last completion
}

func newPoller(ln *engines.Listener) (*poller, error) {
	ring, errno := uring.New(entries)
	if errno != 0 {
		return nil, &engines.Error{Op: "io_uring_setup", Err: errno}
	}
	p := &poller{ring: ring, listener: ln.Fileno(), late: map[uint64]int32{}}
	if p.buffers, errno = ring.ProvideBuffers(buffers, bufferSize); errno != 0 {
		ring.Close()
		return nil, &engines.Error{Op: "io_uring_register", Err: errno}
	}
	return p, nil
}

// userData says which submission it was, of which descriptor, of which owner.
func userData(kind, fd int, tag uint32) uint64 {
	return uint64(tag)<<32 | uint64(kind)<<28 | uint64(fd)
}

func split(data uint64) (kind, fd int, tag uint32) {
	return int(data >> 28 & 15), int(data & (1<<28 - 1)), uint32(data >> 32)
}

// Begin makes the loop's thread the one that submits.
func (p *poller) Begin() syscall.Errno { return p.ring.Enable() }

// Watch has something done about a descriptor: connections accepted, bytes received; or its readiness told.
func (p *poller) Watch(fd int, tag uint32, _, want engines.Interest) syscall.Errno {
	s := p.state(fd, tag)
	s.want = want
	p.arm(fd, s)
	return 0
}

// state is what stands in the ring for a descriptor of this owner. What stood there for another is on its way out.
func (p *poller) state(fd int, tag uint32) *state {
	s := p.states.Make(fd)
	if s.tag != tag {
		if s.sending != 0 {
			p.late[userData(sends, fd, s.tag)] = s.sending
		}
		*s = state{tag: tag}
	}
	return s
}

// Unwatch calls off what stands in the ring. Until it is out, the kernel keeps the socket open, closed or not.
func (p *poller) Unwatch(fd int, _ bool) {
	if s := p.states.At(fd); s != nil {
		s.want = 0
		p.arm(fd, s)
		if s.sending != 0 {
			p.cancel(userData(sends, fd, s.tag))
		}
	}
}

// arm submits what is wanted and does not stand in the ring, and calls off what does and is not. What is called off
// is armed again, if it is wanted then, when its last completion has come.
func (p *poller) arm(fd int, s *state) {
	takes := fd == p.listener || s.tag != 0 && !p.readiness
	wantTake, wantPoll := takes && s.want&engines.In != 0, s.want
	if takes {
		wantPoll &^= engines.In
	}
	switch {
	case wantTake && !s.receiving && fd == p.listener:
		p.todo = append(p.todo, uring.SQE{Opcode: uring.OpAccept, FD: int32(fd), IOPrio: uring.AcceptMultishot,
			OpFlags: syscall.SOCK_NONBLOCK | syscall.SOCK_CLOEXEC, UserData: userData(accepts, fd, s.tag)})
	case wantTake && !s.receiving:
		p.todo = append(p.todo, uring.SQE{Opcode: uring.OpRecv, FD: int32(fd), IOPrio: uring.RecvMultishot,
			Flags: uring.BufferSelect, UserData: userData(receives, fd, s.tag)})
	case !wantTake && s.receiving && fd == p.listener:
		p.cancel(userData(accepts, fd, s.tag))
	case !wantTake && s.receiving:
		p.cancel(userData(receives, fd, s.tag))
	}
	s.receiving = s.receiving || wantTake
	switch {
	case s.polled == 0 && wantPoll != 0:
		s.polled = wantPoll
		p.todo = append(p.todo, uring.SQE{Opcode: uring.OpPollAdd, FD: int32(fd), OpFlags: uring.PollEvents(events(wantPoll)),
			UserData: userData(polls, fd, s.tag)})
	case s.polled != 0 && s.polled != wantPoll:
		p.cancel(userData(polls, fd, s.tag))
	}
}

func (p *poller) cancel(data uint64) {
	_, fd, tag := split(data)
	p.todo = append(p.todo, uring.SQE{Opcode: uring.OpAsyncCancel, FD: -1, Addr: data, UserData: userData(cancels, fd, tag)})
}

// Prepare arms again what has completed for the last time and is still wanted, and queues what is to be submitted.
func (p *poller) Prepare() (copied bool) {
	for _, data := range p.fell {
		kind, fd, tag := split(data)
		s := p.states.At(fd)
		if s.tag != tag {
			continue
		}
		if kind == polls {
			s.polled = 0
		} else {
			s.receiving = false
		}
		p.arm(fd, s)
	}
	p.fell = p.fell[:0]
	n := 0
	for n < len(p.todo) && p.ring.Submit(&p.todo[n]) {
		if kind, _, _ := split(p.todo[n].UserData); kind != cancels {
			p.flying++
		}
		n++
	}
	p.todo = p.todo[:copy(p.todo, p.todo[n:])]
	p.more = len(p.todo) > 0
	return true
}

// Wait takes what has been done. The wait is an ordinary system call where it may be long.
func (p *poller) Wait(busy bool, limit time.Duration, ready []engines.Event) ([]engines.Event, syscall.Errno) {
	if p.more {
		limit = 0
	}
	if errno := p.ring.Enter(!busy, limit); errno != 0 {
		return ready, errno
	}
	for i := range p.done {
		c, ok := p.ring.Next()
		if !ok {
			break
		}
		if ev, ok := p.event(c, &p.done[i]); ok {
			ready = append(ready, ev)
		}
	}
	return ready, 0
}

// event is what a completion has to say.
func (p *poller) event(c uring.CQE, d *engines.Completion) (ev engines.Event, ok bool) {
	kind, fd, tag := split(c.UserData)
	if kind == cancels {
		return ev, false
	}
	if c.Flags&uring.More == 0 {
		p.flying--
		if kind != sends {
			p.fell = append(p.fell, c.UserData)
		}
	}
	ev = engines.Event{Fd: fd, Tag: tag}
	errno := syscall.Errno(0)
	if c.Res < 0 {
		errno = syscall.Errno(-c.Res)
	}
	switch {
	case kind == sends:
		*d = engines.Completion{Sent: true, Count: int(max(c.Res, 0)), Errno: errno}
		ev.Done = d
		return ev, true
	case errno == syscall.ECANCELED, errno == syscall.ENOBUFS && kind == receives:
		return ev, false // it was called off, or has to be asked for again when there are buffers
	case kind == polls:
		ev.Ready = p.ready(c.Res, tag)
		return ev, true
	}
	*d = engines.Completion{Accepted: kind == accepts, Errno: errno}
	ev.Done = d
	switch {
	case errno != 0:
	case d.Accepted:
		d.New = int(c.Res)
	case c.Flags&uring.HasBuffer != 0:
		d.Buffer = c.Buffer()
		d.Data = p.buffers.Bytes(d.Buffer, int(c.Res))
	}
	return ev, true
}
