package engines

import (
	"context"
	"net/netip"
	"sync"
)

// A lodge is what connections at rest are for an event loop (see slot), for flows that are parked: where the App keeps no
// Conn beyond its callbacks, a flow gives its Conn to others while it waits, and what is left of the connection is a row
// here, and the stack.
type lodge struct {
	hub   *hub
	count *Counters

	mu   sync.Mutex
	rows Table[lodger]
	idle []*Conn // for the next, each with its flow
}

type lodger struct {
	slot
	parked *parked
}

// Rest lets the connections that are accepted from now on rest while they wait for something, if the App can do with that.
// They are to be Parked.
func (ln *Listener) Rest(app *App) {
	if !app.Forgets || app.IsLinear() || ln.hub.tls != nil || ln.path != "" {
		return
	}
	ln.lodge = &lodge{hub: ln.hub, count: ln.count}
	ln.hub.mu.Lock()
	defer ln.hub.mu.Unlock()
	ln.hub.lodge = ln.lodge
}

// fresh is a Conn for a descriptor just accepted.
func (l *lodge) fresh(fd int, peer netip.AddrPort) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.blank()
	c.fd, c.peer, c.flow.fd = fd, peer, fd
	return c
}

// blank is a Conn that is nobody's yet; l.mu is held.
func (l *lodge) blank() *Conn {
	if n := len(l.idle); n > 0 {
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return c
	}
	return l.another()
}

func (l *lodge) another() *Conn {
	c := &Conn{hub: l.hub, count: l.count, tabled: true}
	c.waiting()
	return c
}

// park is Conn.Park. From now on the connection is in the server's list.
func (l *lodge) park(c *Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, err := park(c.fd)
	if err != nil {
		return err
	}
	row := l.rows.Make(c.fd)
	row.conn, row.id, row.parked, c.flow.parked = c, 0, p, p
	return nil
}

// serve is the flow of a connection that is open.
func (l *lodge) serve(ctx context.Context, c *Conn, app *App) {
	l.mu.Lock()
	row, fd, p := l.rows.At(c.fd), c.fd, c.flow.parked
	l.mu.Unlock()
	for open := true; open; {
		if l.fold(ctx, row, c) {
			lent, n, errno := p.rest(l.count, &l.hub.buffers)
			c = l.rise(fd, row)
			if lent != nil {
				open = c.TurnGiven(app, (*lent)[:n], errno)
				l.hub.buffers.Put(lent)
				continue
			}
		}
		open = c.nextTurn(ctx, c.flow, app)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if row.conn == c { // and not that of the next one with this descriptor
		row.conn, row.parked = nil, nil
	}
}

// fold lets a connection rest, if it can, until rise. One that could not see the end of the server must not.
func (l *lodge) fold(ctx context.Context, row *lodger, c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := c.flow
	if c.listed || ctx != l.hub.base || ctx.Err() != nil || !c.rests(false) || !f.bare() {
		return false
	}
	row.keep(c)
	f.parked = nil
	f.in.poked.Store(false)
	f.out.poked.Store(false)
	c.blank()
	if len(l.idle) < mostIdle {
		l.idle = append(l.idle, c)
	}
	return true
}

// rise is the Conn of a connection that has rested; somebody may have listed it meanwhile.
func (l *lodge) rise(fd int, row *lodger) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if row.conn == nil {
		row.rise(fd, l.blank())
	}
	return row.conn
}

func (r *lodger) rise(fd int, c *Conn) {
	f := c.flow
	f.fd, f.parked = fd, r.parked
	r.unfold(fd, (*flowLoop)(f), c)
}

// list adds the open connections; see EventLoop.list.
func (l *lodge) list(all []*Conn, known bool) []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows.Each(func(fd int, r *lodger) {
		if r.id != 0 && !known {
			r.rise(fd, l.another())
		}
		if c := r.conn; c != nil && c.refs.Load() != closedBit {
			c.listed = true
			all = append(all, c)
		}
	})
	return all
}

// stop wakes those that rest: the server has ended.
func (l *lodge) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows.Each(func(_ int, r *lodger) {
		if r.id != 0 {
			r.parked.poke()
		}
	})
}
