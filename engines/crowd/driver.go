package crowd

import (
	"context"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// A driver has a keeper's connections behave, all of them in one loop.
type driver struct {
	k     *keeper
	b     Behaviour
	w     *waiting
	acts  []act
	began int64
	fresh []int // slots of connections just opened; k.mu guards it
	slow  []int32
	at    int // where in slow the next tick begins
}

// tick is how often slow clients get a turn, in milliseconds. Each tick a part of them does, so that all have had one when the
// time between two bytes is over, or ten ticks are.
const tick = 10

// behave makes the driver.
func (k *keeper) behave(b Behaviour) syscall.Errno {
	w, errno := newWaiting(k)
	if errno != 0 {
		return errno
	}
	d := &driver{k: k, b: b, w: w, acts: make([]act, len(k.slots)), began: monotonic()}
	k.mu.Lock()
	k.driver = d
	k.busy.Add(1)
	k.mu.Unlock()
	engines.Go("a crowd's behaviour", func() error { d.run(); return nil }, func(error) {
		w.close()
		k.busy.Done()
	})
	return 0
}

// add gives a connection to the driver; k.mu is held for writing.
func (d *driver) add(slot int) {
	if d.fresh = append(d.fresh, slot); len(d.fresh) == 1 {
		raw.Notify(d.w.wake)
	}
}

func (d *driver) elapsed() int64 { return (monotonic() - d.began) / 1e6 }

func (d *driver) run() {
	k := d.k
	stop := context.AfterFunc(k.ctx, func() { raw.Notify(d.w.wake) })
	defer stop()
	buf := make([]byte, 64<<10)
	wait := -1
	if d.b.Kind == Slow {
		wait = tick
	}
	for k.ctx.Err() == nil {
		events, roused := d.w.next(wait)
		now := d.elapsed()
		k.mu.Lock()
		for _, ev := range events {
			d.turn(int(ev.Fd), now, buf)
		}
		if roused {
			fresh := d.fresh
			d.fresh = nil
			for _, slot := range fresh {
				d.acts[slot].born = int32(now)
				if d.turn(slot, now, buf); d.b.Kind == Slow {
					d.slow = append(d.slow, int32(slot))
				}
			}
		}
		if d.b.Kind == Slow {
			d.ticked(now, buf)
		}
		k.mu.Unlock()
	}
}

// turn gives a connection its turn; k.mu is held for writing.
func (d *driver) turn(slot int, now int64, buf []byte) {
	fd := int(d.k.slots[slot])
	if fd < 0 {
		return
	}
	want, v := d.b.step(fd, &d.acts[slot], now, buf)
	switch v {
	case toClose:
		d.k.drop(slot, shut, false)
	case toReset:
		d.k.drop(slot, shut, true)
	case goOn:
		if want != 0 {
			d.w.arm(fd, slot, want)
		}
	}
}

// ticked gives some of the slow ones their turn.
func (d *driver) ticked(now int64, buf []byte) {
	rounds := min(max(int(1000/d.b.Rate)/tick, 1), 10)
	for n := (len(d.slow) + rounds - 1) / rounds; n > 0; n-- {
		if d.at >= len(d.slow) {
			d.at = 0
		}
		d.turn(int(d.slow[d.at]), now, buf)
		d.at++
	}
}
