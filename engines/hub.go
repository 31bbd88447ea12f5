package engines

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"
	"sync"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A hub is what a listener and its connections share. It lives as long as one of them does.
type hub struct {
	place   Place
	tls     *tls.Config // of every connection; nil is none
	log     func(format string, args ...any)
	limit   int             // of a connection's output queue
	base    context.Context // the server's; its end is announced by stopping
	told    func(string)    // another process that counts errors, too; nil is none
	stopFd  int             // an eventfd that becomes and stays readable when the server stops
	buffers sync.Pool       // *[]byte of flowBuffer, for flows that have something to read

	mu          sync.Mutex
	first, last *Conn // open connections, oldest first, but for those in the tables of loops
	loops       []*EventLoop
	lodge       *lodge // set before there are connections; nil is none
	holders     int    // the listeners, as one, and the open connections
	lastID      uint64
	errors      int64
	reasons     map[string]int64
	workers     []*Counters
	listeners   []*shared     // the first, and those of workers that have their own
	also        func(*Stats)  // what is counted elsewhere; nil is nothing
	gone        chan struct{} // closed when nobody holds the hub any more
}

// bufferSize is how much is read at once. Loopback segments are up to 64 KiB long.
const bufferSize = 64 << 10

// flowBuffer is how much a flow of control reads at once: there may be very many.
const flowBuffer = 16 << 10

// add registers a connection.
func (h *hub) add(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastID++
	h.holders++
	c.id = h.lastID
	if c.tabled {
		return
	}
	if c.prev = h.last; h.last == nil {
		h.first = c
	} else {
		h.last.next = c
	}
	h.last = c
}

// remove takes a connection out that is closed.
func (h *hub) remove(c *Conn) {
	if !c.tabled {
		h.unlink(c)
	}
	h.drop()
}

func (h *hub) unlink(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.prev == nil {
		h.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		h.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// drop gives the hub up; the last holder closes what it owns.
func (h *hub) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holders--; h.holders == 0 {
		raw.Close(h.stopFd)
		h.stopFd = -1
		close(h.gone)
	}
}

// conns lists the open connections, oldest first.
func (h *hub) conns() []*Conn { return h.list(false) }

// list is conns, or only those that have a Conn already.
func (h *hub) list(known bool) (all []*Conn) {
	h.mu.Lock()
	for c := h.first; c != nil; c = c.next {
		all = append(all, c)
	}
	loops, lodge := h.loops, h.lodge
	h.mu.Unlock()
	if len(loops) == 0 && lodge == nil {
		return all
	}
	if lodge != nil {
		all = lodge.list(all, known)
	}
	for _, l := range loops {
		all = l.list(all, known)
	}
	slices.SortFunc(all, func(a, b *Conn) int { return cmp.Compare(a.id, b.id) })
	return all
}

// has makes a loop one of those whose tables have connections.
func (h *hub) has(l *EventLoop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loops = append(h.loops, l)
}

// stop wakes everybody who waits in the server. The context that they look at then has ended already.
func (h *hub) stop() {
	h.mu.Lock()
	if h.stopFd >= 0 {
		raw.Notify(h.stopFd)
	}
	lodge := h.lodge
	h.mu.Unlock()
	if lodge != nil {
		lodge.stop()
	}
	for _, c := range h.list(true) {
		c.poke()
	}
}

// stopping is the eventfd, -1 once there is none: the Conn of a datagram may outlive its listener, and holds no hub.
func (h *hub) stopping() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopFd
}

// buffer lends a buffer of flowBuffer; give it back with h.buffers.Put.
func (h *hub) buffer() *[]byte { return lend(&h.buffers) }

func lend(p *sync.Pool) *[]byte {
	if b, ok := p.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, flowBuffer)
	return &b
}
