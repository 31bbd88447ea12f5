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

// monotonic is CLOCK_MONOTONIC, which is the same in every process.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
