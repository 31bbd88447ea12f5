package engines

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A Conn is a TCP connection: one that a server accepted, or one that Dial opened; or it stands for the sender of a
// datagram that a server received. Its methods may be called from any goroutine.
//
// It is used in one of two ways. A flow of control of its own waits in Recv and Send. Under an event loop nothing
// waits: Read takes what is there, Send queues what does not fit.
type Conn struct {
	// What a turn under an event loop touches comes first: 96 bytes, which are in two of the processor's cache lines. With a
	// thousand connections each line costs its way from memory, every time.
	fd      int
	refs    atomic.Int32 // calls that use the descriptor now, and closedBit
	lingers atomic.Bool  // SO_LINGER has a time: closing may block
	given   bool         // a Completer receives all that comes
	tabled  bool         // its loop's table lists it, and not its hub
	listed  bool         // somebody may keep it; the loop's lock is held
	count   *Counters
	driven  *driven   // nil: whoever calls a method makes the system calls
	gram    *datagram // nil: a connection
	mu      sync.Mutex
	armed   Interest // what the loop waits for
	state   turnState
	err     error     // the first thing that went wrong
	out     *outgoing // what the kernel has not taken yet; nil is nothing

	// Data is the handler's own.
	Data any

	id    uint64
	hub   *hub  // nil for a client's
	prev  *Conn // in the hub's list
	next  *Conn
	peer  netip.AddrPort
	odd   atomic.Pointer[odd] // nil for a plain TCP connection
	loop  Loop                // nil: a flow of its own, in the linear style
	flow  *flow               // nil until a flow of control waits for this connection
	face  any
	local *netip.AddrPort // once somebody has asked
}

// outgoing is bytes to be sent, from at on.
type outgoing struct {
	data []byte
	at   int
}

// queued is how many bytes wait to be sent; c.mu is held.
func (c *Conn) queued() int {
	if c.out == nil {
		return 0
	}
	return len(c.out.data) - c.out.at
}

// A flow is what a connection needs for blocking calls; those under an event loop are spared it.
type flow struct {
	waiter
	recv, send turnstile
	rest       []byte  // received, and not asked for yet
	lent       *[]byte // holds what was just taken
}

// closedBit in Conn.refs says that the connection is closed: no new call may use the descriptor, and the last one
// that still does closes it. So a descriptor is never used, or closed, after it has become another file's.
const closedBit = 1 << 30

// Face is how somebody beside the handler sees the connection, made when it is asked for the first time.
func (c *Conn) Face(make func() any) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.face == nil {
		c.face = make()
	}
	return c.face
}

// join makes a connection one of its server's: from now on others may see it.
func (c *Conn) join() *Conn {
	c.hub.add(c)
	c.count.Accepted.Add(1)
	return c
}

// acquire allows one call to use the descriptor, unless it is closed.
func (c *Conn) acquire() bool {
	for {
		n := c.refs.Load()
		if n&closedBit != 0 {
			return false
		}
		if c.gram != nil {
			return c.gram.socket.acquire()
		}
		if c.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.gram != nil {
		c.gram.socket.release()
		return
	}
	if c.refs.Add(-1) == closedBit {
		c.free()
	}
}

// closeDescriptor closes the connection now, or as soon as the calls that are going on have ended. Only the first
// call does anything, and says so.
func (c *Conn) closeDescriptor() bool {
	if c.gram != nil {
		return c.refs.CompareAndSwap(0, closedBit) // the descriptor is the server's
	}
	for {
		n := c.refs.Load()
		if n&closedBit != 0 {
			return false
		}
		// With one more reference, which is given back below, so that nobody frees while those who wait are woken.
		if c.refs.CompareAndSwap(n, n|closedBit+1) {
			break
		}
	}
	c.mu.Lock()
	f := c.flow
	c.mu.Unlock()
	if f != nil {
		f.closed.Store(true)
		f.poke()
		// Wakes a ppoll that has no wake-up in its set. Where there is one it is no more than a close: another process
		// may have the connection, too.
		if f.parked == nil && f.driven == nil && f.by == nil && f.wake.descriptor() < 0 && c.refs.Load() != closedBit+1 {
			raw.Shutdown(c.fd, syscall.SHUT_RDWR)
		}
	}
	c.release()
	return true
}

// free closes the descriptor. It runs once, when nobody uses it.
func (c *Conn) free() {
	c.mu.Lock()
	f := c.flow
	unsent := c.queued()
	c.out = nil
	c.mu.Unlock()
	c.count.Unsent.Add(int64(-unsent))
	switch {
	case f != nil && f.close():
		c.freed()
	case c.driven != nil && c.driven.loop.here():
		c.freeDriven()
	case c.driven != nil:
		c.driven.ask(&request{kind: toCall, call: c.freeDriven})
	default:
		c.closeFd()
		c.freed()
	}
}

func (c *Conn) closeFd() {
	if c.lingers.Load() {
		raw.CloseSlowly(c.fd)
	} else {
		raw.Close(c.fd)
	}
}

// freed counts the end.
func (c *Conn) freed() {
	if c.hub != nil {
		c.count.Closed.Add(1)
		c.hub.remove(c)
	}
}

// Park lets Go's poller wait for the connection from now on, so that blocked calls cost a goroutine and no thread.
// It is for the goroutine model and for clients, and is called before the connection is used.
func (c *Conn) Park() error {
	f := c.waiting()
	if c.tabled {
		return c.hub.lodge.park(c)
	}
	p, err := park(c.fd)
	if err != nil {
		return err
	}
	f.parked = p
	if c.hub == nil {
		runtime.SetFinalizer(p, (*parked).abandoned)
	}
	return nil
}

// bare says whether a flow has nothing that was made for its connection alone, but for what it is parked with.
func (f *flow) bare() bool {
	return len(f.rest) == 0 && f.lent == nil && !f.closed.Load() && f.in.unhook == nil && f.out.unhook == nil && f.by == nil
}

// waiting is the connection's flow, made when first needed.
func (c *Conn) waiting() *flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flow == nil {
		c.flow = &flow{}
		c.flow.fd, c.flow.stop, c.flow.count = c.fd, -1, c.count
		if c.driven != nil {
			c.flow.driven = c.driven
		}
		if c.hub != nil {
			c.flow.stop, c.flow.base = c.hub.stopping(), c.hub.base
		}
		if c.refs.Load()&closedBit != 0 {
			c.flow.closed.Store(true)
		}
	}
	return c.flow
}

// poke makes whoever waits for this connection look again.
func (c *Conn) poke() {
	if !c.acquire() {
		return
	}
	defer c.release()
	c.mu.Lock()
	f := c.flow
	c.mu.Unlock()
	if f != nil {
		f.poke()
	}
}

// ID counts the connections of a server from 1; 0 for a client's.
func (c *Conn) ID() uint64 { return c.id }

// Fileno is the descriptor, or -1 once the connection is closed.
func (c *Conn) Fileno() int {
	if c.refs.Load()&closedBit != 0 || c.gram != nil && c.gram.socket.Fileno() < 0 {
		return -1
	}
	return c.fd
}

// PeerAddr is the other end's address; it stays known after the close.
func (c *Conn) PeerAddr() netip.AddrPort { return c.peer }

// LocalAddr is this end's address. The kernel is asked once; a connection that was closed before anybody asked has
// none any more.
func (c *Conn) LocalAddr() netip.AddrPort {
	open := c.acquire()
	if open {
		defer c.release()
	}
	c.mu.Lock()
	local := c.local
	c.mu.Unlock()
	if local == nil && open {
		local = new(netip.AddrPort)
		c.onThread(func() { *local = raw.LocalAddr(c.fd) })
		c.mu.Lock()
		c.local = local
		c.mu.Unlock()
	}
	if local == nil {
		return netip.AddrPort{}
	}
	return *local
}

// Err is what ended the connection: nil while it lives and for an orderly end.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Control calls f with the descriptor while it cannot be closed; false is a connection that is closed already.
func (c *Conn) Control(f func(fd int)) bool {
	if !c.acquire() {
		return false
	}
	defer c.release()
	c.onThread(func() { f(c.fd) })
	return true
}
