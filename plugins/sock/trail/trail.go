// Package trail remembers what has become of connections: what the kernel's table said of them at which time, which
// packets passed, what a script did and marked. From that one record come the states that each end went through, the time
// line, the state diagram and the ladder. It asks nobody anything: package sock does that.
//
//	trail.go    the record, and who belongs to which connection
//	machine.go  RFC 9293's machine, driven by packets
//	fold.go     one end's states, from all the evidence
//	event.go    everything in the order of its time
//	path.go     the time line
//	diagram.go  the state diagram
//	ladder.go   packets between two lifelines
package trail

import (
	"net/netip"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
)

// The most that one record keeps; what comes after that is counted.
const (
	mostConnections = 20_000
	mostPackets     = 500_000
	mostBytes       = 256 << 20 // of frames
	mostNotes       = 100_000   // of calls and marks
)

// A Record is all that has been seen. Its methods may be called from any goroutine.
type Record struct {
	Port uint16 // of the server; 0 is unknown

	mu      sync.Mutex
	pairs   map[pair]*Connection // the latest one between two addresses
	all     []*Connection
	packets []Packet
	bytes   int
	notes   []Event
	left    int  // what there was no room for
	keep    bool // the packets
	alone   bool // nothing else
}

// New is an empty record. With packets, every packet is kept, too.
func New(port uint16, packets bool) *Record {
	return &Record{Port: port, pairs: map[pair]*Connection{}, keep: packets}
}

// NewPackets is an empty record of packets alone: nobody looks at the table, so it tells of no states.
func NewPackets() *Record { return &Record{pairs: map[pair]*Connection{}, keep: true, alone: true} }

// A pair is two addresses, the lower one first.
type pair [2]netip.AddrPort

func pairOf(a, b netip.AddrPort) pair {
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return pair{a, b}
}

// A Connection is one connection, from its first sign to its last.
type Connection struct {
	Client, Server netip.AddrPort
	sure           bool // who is the client
	ends           [2]end
	first          time.Time
	isn            [2]uint32 // of what client and server send
	hasISN         [2]bool
	fin            [2]uint32 // what acknowledges their FIN
	hasFIN         [2]bool
	acks           [2][2]int // how many acknowledgements they sent that were kept: of a SYN, of a FIN
	over           bool      // an RST, or both FINs
}

// An end is the evidence about one of its sockets.
type end struct {
	where    string // the place where the kernel's table has it; "" as long as that is unknown
	cookie   uint64
	tries    int // how often it was asked about and not found
	samples  []sample
	segments []segment
	traces   []trace
}

// A sample is what the kernel's table said from one time to another.
type sample struct {
	state       netlink.State // 0: it has no such socket
	asked, told time.Time     // of the first time; the answer is true of a moment between them
	last        time.Time     // when it was asked for the last time and said the same
}

// A segment is a packet that an end sent or received.
type segment struct {
	at    time.Time
	where string
	sent  bool
	tcp   packet.TCP
	len   int
}

// A trace is a change of state that the kernel told of itself.
type trace struct {
	at       time.Time
	from, to netlink.State
}

// A Packet is a packet and where it was seen.
type Packet struct {
	Where string
	packet.Packet
}

// add begins a connection between two addresses; local belongs to the socket or packet that tells of it.
func (r *Record) add(key pair, local, peer netip.AddrPort, now time.Time) *Connection {
	if len(r.all) >= mostConnections {
		r.left++
		return nil
	}
	c := &Connection{Client: local, Server: peer, first: now}
	if r.Port != 0 && local.Port() != peer.Port() {
		c.sure = true
		if local.Port() == r.Port {
			c.Client, c.Server = peer, local
		}
	}
	r.pairs[key] = c
	r.all = append(r.all, c)
	return c
}

// end is which of the ends is the one with the local address: 0 the client, 1 the server.
func (c *Connection) end(local netip.AddrPort) int {
	if local == c.Server && c.Server != c.Client {
		return 1
	}
	return 0
}

// asClient says that the address is the client's, if nobody has said so before.
func (c *Connection) asClient(addr netip.AddrPort) {
	if !c.sure && addr == c.Server {
		c.Client, c.Server = c.Server, c.Client
		c.ends[0], c.ends[1] = c.ends[1], c.ends[0]
		c.isn[0], c.isn[1] = c.isn[1], c.isn[0]
		c.hasISN[0], c.hasISN[1] = c.hasISN[1], c.hasISN[0]
		c.fin[0], c.fin[1] = c.fin[1], c.fin[0]
		c.hasFIN[0], c.hasFIN[1] = c.hasFIN[1], c.hasFIN[0]
		c.acks[0], c.acks[1] = c.acks[1], c.acks[0]
	}
	c.sure = true
}

// Sample is told what the kernel's table said of a socket: its state, or 0 when it has none. asked and told are the times
// before and after.
func (r *Record) Sample(where string, local, peer netip.AddrPort, state netlink.State, cookie uint64, asked, told time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := pairOf(local, peer)
	c := r.pairs[key]
	if state == 0 && (c == nil || c.ends[c.end(local)].where != where) {
		return // it was not there before
	}
	if c = r.sampled(c, key, local, peer, cookie, asked); c == nil {
		return
	}
	switch state {
	case netlink.SynSent:
		c.asClient(local)
	case netlink.SynRecv:
		c.asClient(peer)
	}
	e := &c.ends[c.end(local)]
	if state != 0 {
		e.where = where
		e.cookie = max(e.cookie, cookie)
	}
	if n := len(e.samples); n > 0 && e.samples[n-1].state == state {
		e.samples[n-1].last = asked
		return
	}
	e.samples = append(e.samples, sample{state, asked, told, asked})
}

// sampled is the connection that a socket belongs to: another one than before, if its cookie is another.
func (r *Record) sampled(c *Connection, key pair, local, peer netip.AddrPort, cookie uint64, now time.Time) *Connection {
	if c == nil {
		return r.add(key, local, peer, now)
	}
	if had := c.ends[c.end(local)].cookie; had != 0 && cookie != 0 && had != cookie && c.over {
		return r.add(key, local, peer, now)
	}
	return c
}

// Trace is told of a change of state by the kernel itself.
func (r *Record) Trace(where string, local, peer netip.AddrPort, from, to netlink.State, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := pairOf(local, peer)
	c := r.pairs[key]
	if c == nil || to == netlink.SynSent && len(c.ends[c.end(local)].traces) > 0 {
		if c = r.add(key, local, peer, at); c == nil {
			return
		}
	}
	switch {
	case to == netlink.SynSent:
		c.asClient(local)
	case from == netlink.SynRecv && to == netlink.Established, to == netlink.SynRecv && from == netlink.Listen:
		c.asClient(peer)
	}
	e := &c.ends[c.end(local)]
	e.where = where
	e.traces = append(e.traces, trace{at, from, to})
}

// Note is told of a call of a script's.
func (r *Record) Note(e Event) { r.note(e) }

func (r *Record) note(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) >= mostNotes {
		r.left++
		return
	}
	r.notes = append(r.notes, e)
}

// Mark is told a text of a script's.
func (r *Record) Mark(text string, at time.Time) { r.note(Event{Time: at, Kind: "mark", Text: text}) }

// Left is how much there was no room for.
func (r *Record) Left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

// An Open is an end that may still change.
type Open struct {
	Where       string
	Local, Peer netip.AddrPort
}

// patience is how often an end is asked about that only packets have told of, once its connection is over.
const patience = 5

// Ends are the ends that are to be asked about: those that have not come to their end, as far as the kernel's table has
// told. One of which nothing is known but packets is asked about everywhere. Those in TIME_WAIT, which end by a timer,
// are among them only if slow.
func (r *Record) Ends(slow bool) []Open {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Open
	for _, c := range r.pairs {
		for i := range c.ends {
			e := &c.ends[i]
			if !e.open(slow, c.over) {
				continue
			}
			local, peer := c.Client, c.Server
			if i == 1 {
				local, peer = peer, local
			}
			out = append(out, Open{e.where, local, peer})
		}
	}
	return out
}

func (e *end) open(slow, over bool) bool {
	if n := len(e.samples); n > 0 {
		last := e.samples[n-1].state
		return last != none && (slow || last != netlink.TimeWait)
	}
	if len(e.traces) > 0 {
		return true
	}
	e.tries++
	return !over || e.tries < patience
}
