package sock

import (
	"unsafe"

	"github.com/nsh-lab/nsh/internal/netlink"
)

// A Row is one socket. What scripts see of it is made when they touch it. It has no pointers: a hundred thousand of them are
// ten megabytes that the garbage collector has not to look at, while they are made and as long as a script keeps them.
type Row struct {
	netlink.Socket
	at uint32 // where in its block it is
}

// A header is what the rows of a block share; it stands right before the first of them. Who holds a row holds its block.
type header struct {
	of   *listing
	more []*extra // of each row, or nil
}

// An extra is what only some rows have.
type extra struct {
	*netlink.Details                     // what was asked for with info
	unix             *netlink.UnixSocket // of a unix socket, which has no netlink.Socket
}

// A listing is what the rows of one list share.
type listing struct {
	proto string
	held  holders
	names map[uint32]string // of unix sockets, by inode
}

type block[Rows [few]Row | [many]Row] struct {
	header
	rows Rows
}

// How many rows are made together: of a short list, and of a long one.
const (
	few  = 16
	many = 1024
)

// header is that of the row's block.
func (r *Row) header() *header {
	return (*header)(unsafe.Add(unsafe.Pointer(r), -int(unsafe.Sizeof(header{})+uintptr(r.at)*unsafe.Sizeof(Row{}))))
}

func (r *Row) of() *listing { return r.header().of }

// more is what this row has beside the socket, or nil.
func (r *Row) more() *extra {
	if h := r.header(); h.more != nil {
		return h.more[r.at]
	}
	return nil
}

// asUnix is the unix socket of a row, or nil.
func (r *Row) asUnix() *netlink.UnixSocket {
	if x := r.more(); x != nil {
		return x.unix
	}
	return nil
}

// details are what was asked for with info, or nil.
func (r *Row) details() *netlink.Details {
	if x := r.more(); x != nil {
		return x.Details
	}
	return nil
}

// have gives the row something more.
func (r *Row) have(x *extra, room int) {
	h := r.header()
	if h.more == nil {
		h.more = make([]*extra, room)
	}
	h.more[r.at] = x
}

// A collector is the Sink of a list: it makes rows as they come, so that none is copied.
type collector struct {
	of   *listing
	keep func(*netlink.Socket) bool // nil keeps all
	rows []*Row
	room []Row // what is left of the last block
	size int   // of that
}

// Reset forgets what has come.
func (c *collector) Reset() { c.rows, c.room = c.rows[:0], nil }

// Add takes a socket.
func (c *collector) Add(s *netlink.Socket) { c.AddDetailed(s, nil) }

// AddDetailed takes a socket with everything.
func (c *collector) AddDetailed(s *netlink.Socket, more *netlink.Details) {
	if c.keep != nil && !c.keep(s) {
		return
	}
	r := c.next()
	r.Socket = *s
	if more != nil {
		r.have(&extra{Details: more}, c.size)
	}
}

func (c *collector) next() *Row {
	if len(c.room) == 0 {
		c.grow()
	}
	r := &c.room[0]
	r.at = uint32(c.size - len(c.room))
	c.room = c.room[1:]
	c.rows = append(c.rows, r)
	return r
}

func (c *collector) grow() {
	if len(c.rows) < few {
		b := &block[[few]Row]{header: header{of: c.of}}
		c.room = b.rows[:]
	} else {
		b := &block[[many]Row]{header: header{of: c.of}}
		c.room = b.rows[:]
	}
	c.size = len(c.room)
}
