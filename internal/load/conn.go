package load

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// Where a connection stands.
const (
	down = iota
	dialing
	up
)

// A conn is one of a worker's connections, again and again where it has to be opened anew.
type conn struct {
	fd     int
	gen    uint32 // tells the events of this descriptor from those of its former owner
	state  uint8
	fails  uint8 // attempts in a row that gave nothing
	queued bool  // it is among the idle
	served bool  // this one has answered something
	closes bool  // the peer has said that it will close

	answered bool  // it has, in whatever incarnation
	flight   int32 // requests in flight
	head     int32 // where the oldest of them is in the ring
	at       int   // where in the request the next byte to send is
	pending  int   // bytes to be sent
	got      int   // bytes of an answer that have come
	since    int64 // since when the handshake, or the oldest answer, is waited for
	retry    int64 // when it is to be tried again; 0 for not
}

// dial begins a handshake.
func (w *worker) dial(i int, now int64) {
	c := &w.conns[i]
	fd, err := w.cfg.Socket()
	if err != nil {
		w.fail(i, codeOf(err))
		return
	}
	c.fd, c.state, c.since = fd, dialing, now
	c.gen++
	w.making++
	for fd >= len(w.byFd) {
		w.byFd = append(w.byFd, make([]int32, len(w.byFd))...)
	}
	w.byFd[fd] = int32(i)
	errno := raw.Connect(fd, w.cfg.To)
	if errno == 0 || errno == syscall.EINPROGRESS {
		// Told of edges, a connection is registered once for all that will happen to it.
		errno = raw.EpollCtl(w.ep, syscall.EPOLL_CTL_ADD, fd, c.gen,
			syscall.EPOLLIN|syscall.EPOLLOUT|syscall.EPOLLRDHUP|unix.EPOLLET)
	}
	switch {
	case errno != 0:
		w.fail(i, unix.ErrnoName(errno))
	case w.cfg.Mode == Churn && c.fails == 0:
		w.early(i)
	}
}

// early sends the request of a connection before anybody has said that it is there. On loopback it most often is, and a
// turn of the loop is saved; otherwise it is as if nothing had been tried.
func (w *worker) early(i int) {
	c := &w.conns[i]
	n, errno := raw.Send(c.fd, w.pattern)
	switch errno {
	case 0:
		w.rec.BytesOut += int64(n)
		c.pending -= n
		c.at = n % len(w.cfg.Request)
		c.state, c.served, c.got = up, false, 0
		w.making--
		w.open++
	case syscall.EAGAIN:
	default:
		w.fail(i, unix.ErrnoName(errno))
	}
}

// connected ends a handshake, well or not.
func (w *worker) connected(i int) {
	c := &w.conns[i]
	if errno, _ := raw.GetInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR); errno != 0 {
		w.fail(i, unix.ErrnoName(syscall.Errno(errno)))
		return
	}
	// On loopback a client may be given the very port that it wants to reach, and is connected with itself. That cannot
	// be while somebody listens there.
	if (c.fails > 0 || w.cfg.Mode != Churn) && w.cfg.Addr.IsValid() && raw.LocalAddr(c.fd) == w.cfg.Addr {
		w.fail(i, "ECONNREFUSED")
		return
	}
	c.state, c.served = up, false
	w.making--
	w.open++
	c.at, c.got = 0, 0
	if w.parsers != nil {
		w.parsers[i] = parser{}
	}
	if w.cfg.Mode == Churn {
		w.flush(i)
		return
	}
	now := w.now()
	c.since, c.pending = now, 0
	w.ready(i, now)
}

// handle does what an event asks for.
func (w *worker) handle(i int, events uint32) {
	c := &w.conns[i]
	if c.state == dialing {
		if w.connected(i); c.state != up {
			return
		}
	}
	if events&(syscall.EPOLLIN|syscall.EPOLLERR|syscall.EPOLLHUP|syscall.EPOLLRDHUP) != 0 {
		gen, more := c.gen, true
		for more && c.gen == gen && c.state == up {
			more = w.receive(i, events)
		}
		if c.gen != gen {
			return
		}
	}
	if events&syscall.EPOLLOUT != 0 && c.state == up {
		w.flush(i)
	}
}

// flush sends what is to be sent, as far as the kernel takes it.
func (w *worker) flush(i int) {
	c := &w.conns[i]
	for c.pending > 0 {
		p := w.pattern[c.at:min(len(w.pattern), c.at+c.pending)]
		n, errno := raw.Send(c.fd, p)
		w.rec.BytesOut += int64(n)
		c.pending -= n
		c.at = (c.at + n) % len(w.cfg.Request)
		switch {
		case errno == syscall.EAGAIN:
			return
		case errno != 0:
			w.fail(i, unix.ErrnoName(errno))
			return
		}
	}
}

// receive takes what has come, and says whether there may be more that no further event tells of.
func (w *worker) receive(i int, events uint32) (more bool) {
	c := &w.conns[i]
	n, errno := raw.Recv(c.fd, w.buf, 0)
	switch {
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		w.fail(i, unix.ErrnoName(errno))
		return false
	case n == 0:
		w.ended(i)
		return false
	}
	w.rec.BytesIn += int64(n)
	if w.parsers != nil {
		w.responses(i, w.buf[:n])
	} else {
		c.got += n
		whole := c.got / len(w.cfg.Request)
		c.got %= len(w.cfg.Request)
		w.answered(i, whole)
	}
	// A short read has taken all there was; only an end that had come before it is still to be read.
	return n == len(w.buf) || events&^(syscall.EPOLLIN|syscall.EPOLLOUT) != 0
}

// ended is the end of the stream.
func (w *worker) ended(i int) {
	c := &w.conns[i]
	if w.parsers != nil && w.parsers[i].end() {
		c.closes = true
		w.responded(i, w.parsers[i].done())
	}
	if c.flight == 0 && c.served {
		w.drop(i) // nobody waited for anything: that is a server's right
		w.again(i, w.now())
		return
	}
	w.fail(i, "EOF")
}

// answered counts answers, and asks for more.
func (w *worker) answered(i, n int) {
	c := &w.conns[i]
	if n == 0 {
		return
	}
	if n > int(c.flight) {
		w.fail(i, "EPROTO") // more came than was asked for
		return
	}
	now := w.now()
	for range n {
		at := i*w.cfg.Depth + int(c.head)
		if now < w.end {
			w.rec.Answer(now-w.begins[at], now-w.start)
		}
		c.head = (c.head + 1) % int32(w.cfg.Depth)
	}
	c.flight -= int32(n)
	w.flying -= int64(n)
	c.served, c.answered, c.fails, c.since = true, true, 0, now
	switch {
	case w.cfg.Mode == Churn:
		w.drop(i)
	case c.closes:
		return // the end of the stream comes
	}
	w.ready(i, now)
}
