package uring

import (
	"syscall"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/uring"
)

// Send submits a send.
func (p *poller) Send(fd int, tag uint32, data []byte) {
	if len(p.free) == 0 {
		p.going = append(p.going, nil)
		p.free = append(p.free, int32(len(p.going)))
	}
	last := len(p.free) - 1
	number := p.free[last]
	p.free = p.free[:last]
	p.going[number-1] = data
	p.state(fd, tag).sending = number
	p.todo = append(p.todo, uring.SQE{Opcode: uring.OpSend, FD: int32(fd), Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data)))),
		Len: uint32(len(data)), OpFlags: syscall.MSG_NOSIGNAL | syscall.MSG_WAITALL, UserData: userData(sends, fd, tag)})
}

// Sent lets go of what was sent.
func (p *poller) Sent(fd int, tag uint32) {
	var number int32
	if s := p.states.At(fd); s.tag == tag {
		number, s.sending = s.sending, 0
	} else {
		number = p.late[userData(sends, fd, tag)]
		delete(p.late, userData(sends, fd, tag))
	}
	p.going[number-1] = nil
	p.free = append(p.free, number)
}
