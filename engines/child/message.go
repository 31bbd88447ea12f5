package child

import (
	"encoding/binary"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// What parent and child say to each other: messages whose first byte is one of these. Longer things come in a memfd
// beside the message.
const (
	msgSetup   = 'S' // parent: Recipe.Setup, in a memfd
	msgConn    = 'C' // parent: an order, with a connection and what was packed
	msgServe   = 'L' // parent: an order, with a listener and what was packed
	msgRun     = 'U' // parent: run what was packed, with descriptors
	msgLoop    = 'E' // parent: the same, to be served by an event loop
	msgStop    = 'Q' // parent: end
	msgReady   = 'R' // child: it is ready for an order
	msgFail    = 'F' // child: an error, in words, to be counted
	msgErrno   = 'N' // child of ForkWorker: an error of a connection's, a byte
	msgRefused = 'A' // child of ForkWorker: an error of an accept's
	msgLog     = 'G' // child: what a person should know
	msgTell    = 'M' // child: a kind, and what its App tells
)

// The descriptors that a child is started with.
const (
	fdSocket = 3 + iota
	fdTable
)

// mostMessage is the longest message; mostText is what a child says in one.
const (
	mostMessage = 64 << 10
	mostText    = 32 << 10
)

// An order says which row is the child's, and how much may wait in an output queue.
type order struct{ row, limit int }

func (o order) encode(kind byte) []byte {
	b := binary.NativeEndian.AppendUint64([]byte{kind}, uint64(o.row))
	return binary.NativeEndian.AppendUint64(b, uint64(o.limit))
}

func decodeOrder(b []byte) (o order, ok bool) {
	if len(b) != 16 {
		return o, false
	}
	o.row, o.limit = int(binary.NativeEndian.Uint64(b)), int(binary.NativeEndian.Uint64(b[8:]))
	return o, o.row >= 0 && o.row < MostChildren
}

// parcel puts bytes into a memfd.
func parcel(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("nsh-parcel", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "parcel")
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unpack reads a parcel, and closes it.
func unpack(fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), "parcel")
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
}
