package crowd

import (
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

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
