package uring

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffers are memory of which the kernel takes a piece when it has received something (io_uring_register(2),
// IORING_REGISTER_PBUF_RING). So a connection that is silent holds none.
type Buffers struct {
	memory []byte // the ring of what is free, and behind it the buffers
	ring   []buffer
	size   int
	tail   uint16
}

// buffer is struct io_uring_buf. That of the ring's first entry has the tail of the ring in its last field.
type buffer struct {
	addr uint64
	len  uint32
	id   uint16
	tail uint16
}

// ProvideBuffers gives the kernel n buffers, a power of 2, of size bytes each, as the ring's group 0.
func (r *Ring) ProvideBuffers(n, size int) (*Buffers, syscall.Errno) {
	head := n * int(unsafe.Sizeof(buffer{}))
	memory, err := unix.Mmap(-1, 0, head+n*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		errno, _ := err.(syscall.Errno)
		return nil, errno
	}
	b := &Buffers{memory: memory, ring: unsafe.Slice((*buffer)(unsafe.Pointer(&memory[0])), n), size: size}
	reg := struct {
		addr    uint64
		entries uint32
		group   uint16
		flags   uint16
		_       [3]uint64
	}{addr: uint64(uintptr(unsafe.Pointer(&memory[0]))), entries: uint32(n)}
	if errno := r.register(registerBuffers, unsafe.Pointer(&reg), 1); errno != 0 {
		b.Free()
		return nil, errno
	}
	for i := range n {
		b.Return(uint16(i))
	}
	return b, 0
}

// Bytes are the first n bytes of a buffer.
func (b *Buffers) Bytes(id uint16, n int) []byte {
	at := len(b.ring)*int(unsafe.Sizeof(buffer{})) + int(id)*b.size
	return b.memory[at : at+n : at+n]
}

// Return gives a buffer back to the kernel.
func (b *Buffers) Return(id uint16) {
	free := &b.ring[int(b.tail)&(len(b.ring)-1)]
	free.addr = uint64(uintptr(unsafe.Pointer(&b.Bytes(id, b.size)[0])))
	free.len, free.id = uint32(b.size), id
	b.tail++
	// The tail is 16 bits, beside an id: both are written at once, as there is no atomic store of 16 bits.
	first := &b.ring[0]
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.id)), halves(first.id, b.tail))
}

// halves is the 32 bits that have a and b, in this order, in memory.
func halves(a, b uint16) uint32 {
	pair := struct {
		_    [0]uint32
		a, b uint16
	}{a: a, b: b}
	return *(*uint32)(unsafe.Pointer(&pair))
}

// Free gives the memory back. The ring must be closed, or have been refused the buffers.
func (b *Buffers) Free() { unix.Munmap(b.memory) }
