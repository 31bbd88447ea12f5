package crowd

import (
	"context"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// An opener opens a keeper's connections, so many at a time.
type opener struct {
	k    *keeper
	o    Order
	w    *waiting
	from *sources
	to   []*raw.Sockaddr
	fam  []int

	next    int // the slot of the connection to be begun next
	begun   []attempt
	free    []int     // of begun
	again   []attempt // to be begun once more: there was no room in a queue, or no socket
	told    int64
	checked int64
	stopped syscall.Errno // what there was no more of
	instant bool          // a connection was there at once: the peer is on this machine
	pause   int           // milliseconds until the next one is begun
}

// An attempt is a connection that is being made.
type attempt struct {
	slot  int // -1: none
	fd    int
	try   int   // which of the addresses
	began int64 // when
}

// open opens all of them. Its error is that of ctx; what became of the connections is in the stats.
func (k *keeper) open(ctx context.Context, o Order, tell func(Stats)) error {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return context.Canceled
	}
	k.busy.Add(1)
	k.mu.Unlock()
	defer k.busy.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(k.ctx, cancel)()
	w, errno := newWaiting(k)
	if errno != 0 {
		k.lack(errno, o.N)
		return nil
	}
	defer w.close()
	p := &opener{k: k, o: o, w: w}
	if err := p.addresses(); err != 0 {
		k.lack(err, o.N)
		return nil
	}
	if o.Behaviour.active() {
		if errno := k.behave(o.Behaviour); errno != 0 {
			k.lack(errno, o.N)
			return nil
		}
	}
	defer context.AfterFunc(ctx, func() { raw.Notify(w.wake) })()
	return p.run(ctx, tell)
}

// lack counts connections that were not even tried.
func (k *keeper) lack(errno syscall.Errno, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.errors[errno] += n
	k.limit = limitText(errno)
}

func (p *opener) run(ctx context.Context, tell func(Stats)) error {
	for {
		wait := p.begin()
		if p.next == p.o.N && len(p.free) == len(p.begun) && len(p.again) == 0 {
			return ctx.Err()
		}
		if ctx.Err() != nil {
			p.abandon()
			return ctx.Err()
		}
		events, _ := p.w.next(wait)
		p.k.mu.Lock()
		for _, ev := range events {
			p.came(int(ev.Fd))
		}
		now := monotonic()
		p.expire(now)
		s := Stats{Opened: p.k.opened}
		p.k.mu.Unlock()
		if now-p.told > int64(100*time.Millisecond) {
			p.told = now
			tell(s)
		}
	}
}

// burst is how many are begun before it is looked at how those before are doing, and before others may have a look at the
// keeper.
const burst = 64

// begin begins what may be begun now, and says for how many milliseconds there is nothing else to do.
func (p *opener) begin() (wait int) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	now := monotonic()
	again := p.again
	p.again = p.again[len(p.again):]
	for _, at := range again {
		if len(p.free) > 0 {
			p.retry(at, p.freed())
		} else {
			p.again = append(p.again, at)
		}
	}
	for n := 0; p.next < p.o.N && len(p.free) > 0; n++ {
		if n == burst {
			if p.o.Yields {
				raw.Yield()
			}
			return 0
		}
		if due := p.due(p.next); due > now {
			return p.until(due, now)
		}
		slot := p.next
		p.next++
		if !p.start(slot, 0, p.freed(), now) {
			p.next--
			if p.stopped != 0 {
				p.give()
			}
			break
		}
		if p.pause > 0 {
			return p.pause
		}
	}
	switch {
	case len(p.again) > 0:
		return 1
	case len(p.free) == len(p.begun) && p.next == p.o.N:
		return 0
	}
	return 50
}

// fewLate is how many connections may be under way to a peer on this machine before its queue is taken for full.
const fewLate = 16

// mostPause is how long a full queue is given to empty, in milliseconds.
const mostPause = 16

// freed takes an attempt that is not in use.
func (p *opener) freed() int {
	a := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return a
}

func (p *opener) release(a int) {
	p.begun[a].slot = -1
	p.free = append(p.free, a)
}

// due is when a connection is to be begun.
func (p *opener) due(slot int) int64 {
	if p.o.Rate <= 0 {
		return 0
	}
	return p.o.Start + int64(float64(p.o.First+slot)/p.o.Rate*1e9)
}

func (p *opener) until(due, now int64) int {
	return int(min((due-now)/int64(time.Millisecond)+1, 50))
}

// start begins one connection; false is that there is no socket for it, now or at all.
func (p *opener) start(slot, try, a int, now int64) bool {
	fd, err := p.k.socket(p.fam[try])
	if err != nil {
		p.release(a)
		if errno, ok := err.(syscall.Errno); !ok || errno != syscall.EAGAIN {
			p.stopped = errnoOf(err)
		}
		return false
	}
	errno := p.prepare(fd, slot)
	for errno == 0 {
		if errno = raw.Connect(fd, p.to[try]); errno == syscall.EINPROGRESS {
			errno = raw.Connect(fd, p.to[try]) // on loopback the answer has come already
		}
		if errno != syscall.EADDRNOTAVAIL || !p.from.advance() {
			break
		}
		errno = p.from.bind(fd) // a socket that could not connect can be bound anew only as long as it has no port
	}
	p.begun[a] = attempt{slot, fd, try, now}
	switch errno {
	case 0:
		p.instant, p.pause = true, 0
		p.finish(a)
	case syscall.EALREADY, syscall.EINPROGRESS:
		// Where others were there at once, many that are not are SYNs that were dropped because the server's queue is full;
		// they are sent again in a second. More would be, too. A few may only be late, on a busy machine.
		if p.instant && len(p.begun)-len(p.free) >= fewLate {
			p.pause = max(1, min(2*p.pause, mostPause))
		}
		if errno := p.w.arm(fd, a, syscall.EPOLLOUT); errno != 0 {
			p.failed(a, errno)
		}
	case syscall.EAGAIN: // the queue of a unix socket is full
		raw.Close(fd)
		p.postpone(p.begun[a], a)
	default:
		p.failed(a, errno)
	}
	return true
}

// prepare sets what has to be set before the handshake.
func (p *opener) prepare(fd, slot int) syscall.Errno {
	if n := p.o.Behaviour.Buffer; n > 0 {
		if errno := raw.SetInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, n); errno != 0 {
			return errno
		}
	}
	return p.from.give(fd, p.o.First+slot)
}

// came is news of an attempt.
func (p *opener) came(a int) {
	at := &p.begun[a]
	if at.slot < 0 {
		return
	}
	errno, _ := raw.GetInt(at.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if errno != 0 {
		p.failed(a, syscall.Errno(errno))
		return
	}
	p.w.disarm(at.fd)
	p.finish(a)
}

// finish makes a connection one of the crowd.
func (p *opener) finish(a int) {
	at := p.begun[a]
	if p.from.mayMeetItself && raw.LocalAddr(at.fd) == p.o.To[at.try] {
		// A client may be given the very port that it wants to reach, and TCP connects it with itself. Nobody listens there.
		raw.SetLinger(at.fd, true, 0)
		p.failed(a, syscall.ECONNREFUSED)
		return
	}
	if errno := p.o.Behaviour.opened(at.fd); errno != 0 {
		p.failed(a, errno)
		return
	}
	p.release(a)
	p.k.slots[at.slot] = int32(at.fd)
	p.k.opened++
	if p.k.driver != nil {
		p.k.driver.add(at.slot)
	}
}

// failed ends an attempt; there may be another address to try.
func (p *opener) failed(a int, errno syscall.Errno) {
	at := p.begun[a]
	raw.Close(at.fd)
	if at.try+1 < len(p.to) && errno != syscall.EADDRNOTAVAIL {
		at.try++
		p.retry(at, a)
		return
	}
	p.release(a)
	p.lost(at.slot, errno)
	if errno == syscall.EADDRNOTAVAIL || errno == syscall.ENOBUFS || errno == syscall.ENOMEM {
		p.stopped = errno
		p.give()
	}
}

// retry begins a connection anew.
func (p *opener) retry(at attempt, a int) {
	if p.start(at.slot, at.try, a, at.began) {
		return
	}
	if p.stopped != 0 {
		p.lost(at.slot, p.stopped)
		p.give()
		return
	}
	p.again = append(p.again, at)
}

// postpone has an attempt made once more, unless it has been going on too long.
func (p *opener) postpone(at attempt, a int) {
	p.release(a)
	if p.o.Timeout > 0 && monotonic()-at.began > int64(p.o.Timeout) {
		p.lost(at.slot, syscall.ETIMEDOUT)
		return
	}
	p.again = append(p.again, at)
}

// lost counts a connection that there is not going to be.
func (p *opener) lost(slot int, errno syscall.Errno) {
	p.k.slots[slot] = failed - int32(errno)
	p.k.errors[errno]++
}

// give gives up: there is no more of something, and what was not begun will not be.
func (p *opener) give() {
	if rest := p.o.N - p.next; rest > 0 {
		p.k.errors[p.stopped] += rest
		for ; p.next < p.o.N; p.next++ {
			p.k.slots[p.next] = failed - int32(p.stopped)
		}
	}
	if p.stopped != syscall.EADDRNOTAVAIL || p.k.opened > 0 { // or it is an address that is not this machine's
		p.k.limit = limitText(p.stopped)
	}
}

// expire ends the attempts that have taken too long.
func (p *opener) expire(now int64) {
	if p.o.Timeout <= 0 || now-p.checked < int64(10*time.Millisecond) {
		return
	}
	p.checked = now
	for a := range p.begun {
		if at := &p.begun[a]; at.slot >= 0 && now-at.began > int64(p.o.Timeout) {
			at.try = len(p.to)
			p.failed(a, syscall.ETIMEDOUT)
		}
	}
}

// abandon closes what is under way.
func (p *opener) abandon() {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	for a := range p.begun {
		if at := &p.begun[a]; at.slot >= 0 {
			raw.Close(at.fd)
			p.release(a)
		}
	}
}

// monotonic is CLOCK_MONOTONIC, which is the same in every process.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
