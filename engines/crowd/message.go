package crowd

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A request is what a crowd says to a worker: JSON, with descriptors beside it. Data comes in a memfd.
type request struct {
	ID      int    `json:"id,omitempty"`
	Open    *Order `json:"open,omitempty"`
	Op      *op    `json:"op,omitempty"`
	Data    bool   `json:"data,omitempty"`    // of the op: the descriptor
	Sockets bool   `json:"sockets,omitempty"` // the descriptors are sockets that were asked for
	Errno   int    `json:"errno,omitempty"`   // or this is why there are none
	Cancel  bool   `json:"cancel,omitempty"`  // what has the ID is to end
}

// A reply is what a worker says.
type reply struct {
	ID     int    `json:"id,omitempty"`
	Done   bool   `json:"done,omitempty"`
	Answer answer `json:"answer"`         // a descriptor beside it is what was taken
	Need   int    `json:"need,omitempty"` // so many sockets
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // there is nothing in them that JSON has no form for
	}
	return b
}

// memory puts data where another process can read it.
func memory(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("nsh-crowd", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "data")
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// recall reads it, and closes it.
func recall(fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), "data")
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
}
