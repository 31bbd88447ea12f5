package netlink

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// attempts is how often a dump that was interrupted is asked for before its incomplete result is taken.
const attempts = 5

// A Sink takes a dump's sockets. Reset comes before each attempt: what was taken so far is to be forgotten. The Socket
// is the sink's only during Add.
type Sink interface {
	Reset()
	Add(*Socket)
}

// A DetailSink takes what a Query with Details asks for beyond the row. The Details are its own.
type DetailSink interface {
	Sink
	AddDetailed(*Socket, *Details)
}

// Dump gives the sink the sockets that match, each once. The descriptor is a socket(AF_NETLINK, SOCK_RAW or SOCK_DGRAM,
// NETLINK_SOCK_DIAG), blocking or not; it can be used for one dump after the other, not for two at once, and is to be
// closed after an error, since the rest of that dump is still in it.
//
// whole is false when the kernel said, for the fifth time in a row, that its table changed under the dump or that a
// piece of the answer was lost. Sockets that come or go during the dump may be missed even when it is true: the kernel
// walks its table without stopping the network. A failure is an errno: EACCES, ENOENT where the kernel has no diag for
// the protocol; or the context's error.
func Dump(ctx context.Context, fd int, q Query, sink Sink) (whole bool, err error) {
	d := dump{kernel: newConn(fd), q: q, sink: sink}
	if c, ok := sink.(*Counts); ok && q.all() {
		d.counts = c
	}
	return d.run(ctx)
}

// An exchange is what a dump needs of the kernel. It is an interface because a kernel cannot be asked to fail.
type exchange interface {
	// request sends a question and returns the sequence number that its answers have.
	request(ctx context.Context, typ, flags uint16, payload []byte) (seq uint32, err error)
	// receive takes the next datagram; whole is false when a part of the answer is lost.
	receive(ctx context.Context) (data []byte, whole bool, err error)
}

type dump struct {
	kernel exchange
	q      Query
	sink   Sink
	seq    uint32
	seen   cookies
	row    Socket
	counts *Counts // the sink, if it is one and each row that comes is meant
}

// count looks at no more of a row than its state.
func (d *dump) count(payload []byte) {
	state, cookie, ok := parseState(payload)
	if ok && d.q.States.Has(state) && (cookie == 0 || d.seen.add(cookie)) {
		d.counts[state]++
	}
}

func (d *dump) run(ctx context.Context) (whole bool, err error) {
	for range attempts {
		d.sink.Reset()
		d.seen.reset()
		whole, err = d.attempt(ctx)
		if err != nil || whole {
			return whole, err
		}
	}
	return false, nil
}

func (d *dump) attempt(ctx context.Context) (whole bool, err error) {
	whole = true
	families := d.q.families()
	for _, family := range families {
		ok, err := d.family(ctx, family)
		if errors.Is(err, unix.ENOENT) && len(families) > 1 && family == unix.AF_INET6 {
			continue // a kernel without IPv6
		}
		if err != nil {
			return false, err
		}
		whole = whole && ok
	}
	return whole, nil
}

// family dumps one family, always to the end: a dump that is left half-read makes the next request fail with EBUSY.
func (d *dump) family(ctx context.Context, family uint8) (whole bool, err error) {
	typ, question := d.q.request(family)
	d.seq, err = d.kernel.request(ctx, typ, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, question)
	if err != nil {
		return false, err
	}
	whole = true
	for {
		data, ok, err := d.kernel.receive(ctx)
		if err != nil {
			return false, err
		}
		whole = whole && ok
		done, ok, err := d.datagram(data)
		if done || err != nil {
			return whole && ok, err
		}
		whole = whole && ok
	}
}

// datagram takes the messages of one datagram. done is true once the dump is at its end, whole is false when a message
// says that the dump was interrupted or cannot be read.
func (d *dump) datagram(data []byte) (done, whole bool, err error) {
	whole = true
	for {
		m, rest, ok := nextMessage(data)
		if !ok {
			return false, whole && len(data) == 0, nil
		}
		data = rest
		if m.seq != d.seq {
			continue // an earlier dump's
		}
		if m.flags&unix.NLM_F_DUMP_INTR != 0 {
			whole = false
		}
		switch m.typ {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			if no := errno(m.payload); no != 0 {
				return true, false, os.NewSyscallError("sock_diag", no)
			}
			return true, whole, nil
		case unix.NLMSG_OVERRUN:
			whole = false
		case unix.SOCK_DIAG_BY_FAMILY, tcpDiag:
			d.add(m.payload)
		}
	}
}

func (d *dump) add(payload []byte) {
	if d.counts != nil {
		d.count(payload)
		return
	}
	if !parseSocket(payload, &d.row) || !d.q.Matches(&d.row) {
		return
	}
	// A socket that changes its state while the kernel walks its table can be met twice: a connection that goes to
	// TIME_WAIT, a listener's bucket that grows at its head.
	if d.row.cookie != 0 && !d.seen.add(d.row.cookie) {
		return
	}
	if d.q.Drops {
		parseDrops(payload[sizeofDiagMsg:], &d.row)
	}
	if d.q.Details {
		if sink, ok := d.sink.(DetailSink); ok {
			sink.AddDetailed(&d.row, parseDetails(payload[sizeofDiagMsg:]))
			return
		}
	}
	d.sink.Add(&d.row)
}

// Append appends the sockets that match to rows; whole and err are Dump's.
func Append(ctx context.Context, fd int, q Query, rows []Socket) (_ []Socket, whole bool, err error) {
	list := appender{rows: rows, start: len(rows)}
	whole, err = Dump(ctx, fd, q, &list)
	return list.rows, whole, err
}

type appender struct {
	rows  []Socket
	start int
}

func (a *appender) Reset()        { a.rows = a.rows[:a.start] }
func (a *appender) Add(s *Socket) { a.rows = append(a.rows, *s) }

// Counts are numbers of sockets by state.
type Counts [Closing + 1]int

// Reset and Add make Counts a Sink.
func (c *Counts) Reset()        { *c = Counts{} }
func (c *Counts) Add(s *Socket) { c[s.State]++ }

// Count counts the sockets that match, by their state, and keeps none of them; whole and err are Dump's.
func Count(ctx context.Context, fd int, q Query) (n Counts, whole bool, err error) {
	whole, err = Dump(ctx, fd, q, &n)
	return n, whole, err
}
