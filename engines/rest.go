package engines

import "net/netip"

// A slot is what a loop knows of a descriptor: whose it is, and how often it has changed hands. An event of an earlier
// owner carries an earlier tag.
//
// Of a connection at rest it is all there is. Where the App keeps no Conn beyond its callbacks, a Conn is only made for
// the turn: when that ends with nothing more to remember than who the connection is, this stays in its slot, and the Conn
// goes to whoever has an event next. So a silent connection costs a slot, and those that talk share a few Conns, which
// the processor's caches hold. Somebody who lists the server's connections gets Conns that are kept from then on.
type slot struct {
	conn *Conn  // nil: nobody's, or at rest
	id   uint64 // of the connection at rest; 0 is none
	tag  uint32
	addr [4]byte // its peer's
	port uint16
}

// mostIdle is how many Conns a loop keeps for the next events.
const mostIdle = 1024

// fresh is a Conn for a descriptor just accepted.
func (l *EventLoop) fresh(fd int, peer netip.AddrPort) *Conn {
	c := l.blank()
	c.fd, c.peer = fd, peer
	if l.spawn != nil {
		c.driven = &driven{conn: c}
		c.driven.loop = l
	}
	return c
}

// blank is a Conn that is nobody's yet.
func (l *EventLoop) blank() *Conn {
	if n := len(l.idle); n > 0 {
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return c
	}
	return l.another()
}

func (l *EventLoop) another() *Conn {
	return &Conn{hub: l.ln.hub, count: l.count, given: l.gives, tabled: l.spawn == nil}
}

// rise is the connection of a slot, which is about to have its turn, or nil; l.mu is held.
func (l *EventLoop) rise(fd int, s *slot) *Conn {
	if s.id != 0 {
		s.unfold(fd, l, l.blank())
	}
	if l.folds && s.conn != nil {
		l.awake = append(l.awake, s.conn)
	}
	return s.conn
}

// unfold gives a connection at rest a Conn; the table's lock is held.
func (s *slot) unfold(fd int, l Loop, c *Conn) {
	c.fd, c.id, c.peer = fd, s.id, netip.AddrPortFrom(netip.AddrFrom4(s.addr), s.port)
	c.loop, c.armed = l, In
	s.conn, s.id = c, 0
}

// fold lets those that had a turn rest, where that is possible; l.mu is held. Nobody else has their Conns.
func (l *EventLoop) fold() {
	for _, c := range l.awake {
		if c.fd < 0 || c.listed {
			continue // it had two turns, or somebody knows it
		}
		s := l.slots.At(c.fd)
		switch {
		case s.conn == c && c.flow == nil && c.rests(l.opts.Edge):
			s.keep(c)
		case s.conn != c && c.refs.Load() == closedBit && c.flow == nil && c.bare():
			c.refs.Store(0)
			c.err, c.out = nil, nil
		default:
			continue
		}
		c.blank()
		if len(l.idle) < mostIdle {
			l.idle = append(l.idle, c)
		}
	}
	l.awake = l.awake[:0]
}

// keep is what has to be known of a connection at rest.
func (s *slot) keep(c *Conn) {
	s.conn, s.id, s.addr, s.port = nil, c.id, c.peer.Addr().As4(), c.peer.Port()
}

// blank makes a Conn nobody's.
func (c *Conn) blank() { c.fd, c.state, c.armed, c.local = -1, 0, 0, nil }

// rests says whether nothing has to be remembered of a connection but who it is.
func (c *Conn) rests(edge bool) bool {
	return c.state&^empty == 0 && (!edge || c.state&empty != 0) && c.armed == In && c.out == nil && c.err == nil &&
		c.refs.Load() == 0 && c.bare() && c.peer.Addr().Is4()
}

// bare says whether a connection has nothing, but for a flow, that was made for it alone.
func (c *Conn) bare() bool {
	return c.Data == nil && c.face == nil && c.odd.Load() == nil && !c.lingers.Load()
}

// list adds the loop's open connections. Those at rest get a Conn for it, unless only known ones are asked for.
func (l *EventLoop) list(all []*Conn, known bool) []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots.Each(func(fd int, s *slot) {
		if s.id != 0 && !known {
			s.unfold(fd, l, l.another())
		}
		if c := s.conn; c != nil && c.tabled && c.refs.Load() != closedBit {
			c.listed = true
			all = append(all, c)
		}
	})
	return all
}
