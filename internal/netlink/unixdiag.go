package netlink

import (
	"context"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of a dumped unix socket, and what asks for them (linux/unix_diag.h).
const (
	unixName     = 0
	unixPeer     = 2
	unixQueues   = 4
	unixShutdown = 6
	unixUID      = 7

	unixShow = 1<<0 | 1<<2 | 1<<4 | 1<<6 // name, peer, queues, uid

	sizeofUnixMsg = 16 // struct unix_diag_msg
)

// A UnixSocket is one row of the kernel's table of unix(7) sockets.
type UnixSocket struct {
	Type     uint8 // unix.SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
	State    State
	Shutdown uint8
	HasUID   bool // since Linux 5.3
	Inode    uint32
	Peer     uint32 // the inode of the other end, or 0
	RQueue   uint32 // bytes to read; for a listener the connections that wait to be accepted
	WQueue   uint32 // bytes that were sent and not read; for a listener the most that may wait
	UID      uint32
	Name     string // a path, "@name" for one without a file, or ""
	cookie   uint64
}

// Cookie is its name among all sockets of this boot.
func (s *UnixSocket) Cookie() uint64 { return s.cookie }

// UnixSockets lists the sockets in the given states. The descriptor and whole are those of Dump. A kernel without
// unix_diag says ENOENT.
func UnixSockets(ctx context.Context, fd int, states StateSet) (rows []UnixSocket, whole bool, err error) {
	c := newConn(fd)
	for range attempts {
		rows, whole, err = c.unixSockets(ctx, states)
		if err != nil || whole {
			return rows, whole, err
		}
	}
	return rows, false, nil
}

func (c *conn) unixSockets(ctx context.Context, states StateSet) (rows []UnixSocket, whole bool, err error) {
	q := native.AppendUint32([]byte{unix.AF_UNIX, 0, 0, 0}, states.mask())
	q = native.AppendUint32(q, 0)
	q = native.AppendUint32(q, unixShow)
	q = append(q, 255, 255, 255, 255, 255, 255, 255, 255)
	seq, err := c.request(ctx, unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, q)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for {
		data, ok, err := c.receive(ctx)
		if err != nil {
			return nil, false, err
		}
		whole = whole && ok
		for m, rest, more := nextMessage(data); more; m, rest, more = nextMessage(rest) {
			if m.seq != seq {
				continue
			}
			whole = whole && m.flags&unix.NLM_F_DUMP_INTR == 0
			switch m.typ {
			case unix.NLMSG_DONE, unix.NLMSG_ERROR:
				if no := errno(m.payload); no != 0 {
					return nil, false, os.NewSyscallError("sock_diag", no)
				}
				return rows, whole, nil
			case unix.SOCK_DIAG_BY_FAMILY:
				var s UnixSocket
				if parseUnix(m.payload, &s) && states.Has(s.State) {
					rows = append(rows, s)
				}
			}
		}
	}
}

// parseUnix reads a struct unix_diag_msg and the attributes behind it.
func parseUnix(b []byte, s *UnixSocket) bool {
	if len(b) < sizeofUnixMsg || b[0] != unix.AF_UNIX {
		return false
	}
	*s = UnixSocket{Type: b[1], State: State(b[2]), Inode: native.Uint32(b[4:]),
		cookie: uint64(native.Uint32(b[8:])) | uint64(native.Uint32(b[12:]))<<32}
	if s.State < Established || s.State > Closing {
		return false
	}
	for b = b[sizeofUnixMsg:]; ; {
		typ, value, rest, ok := nextAttr(b)
		if !ok {
			return true
		}
		switch {
		case typ == unixName:
			s.Name = unixNameOf(value)
		case typ == unixPeer && len(value) >= 4:
			s.Peer = native.Uint32(value)
		case typ == unixQueues && len(value) >= 8:
			s.RQueue, s.WQueue = native.Uint32(value), native.Uint32(value[4:])
		case typ == unixShutdown && len(value) >= 1:
			s.Shutdown = value[0]
		case typ == unixUID && len(value) >= 4:
			s.UID, s.HasUID = native.Uint32(value), true
		}
		b = rest
	}
}

// unixNameOf is a name as people write it: of one without a file a 0 is the first byte, which ss(8) shows as @.
func unixNameOf(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if b[0] == 0 {
		return "@" + strings.ReplaceAll(string(b[1:]), "\x00", "@")
	}
	return strings.TrimRight(string(b), "\x00")
}

// TypeName is "stream", "dgram", "seqpacket" or a number.
func (s *UnixSocket) TypeName() string {
	switch s.Type {
	case unix.SOCK_STREAM:
		return "stream"
	case unix.SOCK_DGRAM:
		return "dgram"
	case unix.SOCK_SEQPACKET:
		return "seqpacket"
	}
	return strconv.Itoa(int(s.Type))
}
