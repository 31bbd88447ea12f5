package lab

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// A lane is one direction of a wired link, apart from the kernel: it is told of frames and of the time, and says what
// to pass on. Times are those since some beginning.
//
// A frame that is not lost waits until those before it have been sent at the link's rate, in a queue that is bounded,
// and is then in flight for the delay. Nothing overtakes but what chance says.
type lane struct {
	shape  Shape
	chance *chance
	counts Traffic
	pass   func(frame []byte) bool

	waiting []held        // for their turn to be sent; the first is being sent
	sent    time.Duration // when the first of waiting will have been
	flight  []held        // in order of their arrival
	last    time.Duration // when the latest of those that keep their order arrives
	bytes   int           // of all that is held
	all     *atomic.Int64 // of all that the laboratory's lanes hold
	spare   [][]byte      // for the next frames
}

// held is a frame that is not to be passed on yet.
type held struct {
	frame []byte
	fate  fate
	due   time.Duration
	kept  bool // the frame's bytes are the lane's own
}

// How many bytes one direction holds at most, in its queue and in flight, and all of a laboratory's together: half a
// second at 1 Gbit/s, and a number that no machine minds.
const (
	mostHeld    = 64 << 20
	mostHeldAll = 256 << 20
)

// fits says whether there is room for a frame more.
func (l *lane) fits(frame []byte) bool {
	return l.bytes+len(frame) <= mostHeld && l.all.Load()+int64(len(frame)) <= mostHeldAll
}

// offer is told of a frame that has come in. The frame is the caller's again when it returns.
func (l *lane) offer(frame []byte, now time.Duration) {
	l.advance(now)
	f := l.chance.next(frame[notes:], &l.shape)
	if f.lost {
		l.counts.Lost++
		return
	}
	l.enqueue(frame, f, now)
	if f.doubled {
		l.counts.Duplicated++
		l.enqueue(frame, f, now)
	}
}

func (l *lane) enqueue(frame []byte, f fate, now time.Duration) {
	if l.shape.Rate == 0 {
		l.launch(held{frame: frame, fate: f}, now, now)
		return
	}
	if len(l.waiting) >= l.shape.Queue || !l.fits(frame) {
		l.counts.Dropped++
		return
	}
	if len(l.waiting) == 0 {
		l.sent = now + l.takes(frame)
	}
	l.waiting = append(l.waiting, l.keep(held{frame: frame, fate: f}))
}

// takes is how long a frame takes at the link's rate, its Ethernet header among its bytes.
func (l *lane) takes(frame []byte) time.Duration {
	return time.Duration(math.Ceil(float64(len(frame)-notes) * 8 / l.shape.Rate * float64(time.Second)))
}

// advance sends what has had its turn until now, and passes on what has arrived.
func (l *lane) advance(now time.Duration) {
	for len(l.waiting) > 0 && l.sent <= now {
		h := l.waiting[0]
		l.waiting = pop(l.waiting)
		l.launch(h, l.sent, now)
		if len(l.waiting) > 0 {
			l.sent += l.takes(l.waiting[0].frame)
		}
	}
	l.land(now)
}

// land passes on what has arrived.
func (l *lane) land(now time.Duration) {
	for len(l.flight) > 0 && l.flight[0].due <= now {
		l.deliver(l.flight[0].frame)
		l.release(l.flight[0])
		l.flight = pop(l.flight)
	}
}

// pop takes the first off. The room before it is used again once the slice is empty.
func pop(list []held) []held {
	list[0] = held{}
	if len(list) == 1 {
		return list[:0]
	}
	return list[1:]
}

// launch has a frame fly that was sent at a moment that is not after now.
func (l *lane) launch(h held, at, now time.Duration) {
	h.due = at + l.shape.Delay + time.Duration(h.fate.jitter*float64(l.shape.Jitter))
	if h.fate.overtakes {
		h.due = at
		if l.last > at {
			l.counts.Reordered++
		}
	} else {
		h.due = max(h.due, l.last)
		l.last = h.due
	}
	switch {
	case h.due <= now && (len(l.flight) == 0 || h.due < l.flight[0].due):
		l.deliver(h.frame)
		l.release(h)
		return
	case !h.kept && !l.fits(h.frame):
		l.counts.Dropped++
		return
	case !h.kept:
		h = l.keep(h)
	}
	place := len(l.flight)
	for place > 0 && l.flight[place-1].due > h.due {
		place--
	}
	l.flight = slices.Insert(l.flight, place, h)
}

// deliver passes a frame on.
func (l *lane) deliver(frame []byte) {
	if !l.pass(frame) {
		l.counts.Dropped++
		return
	}
	l.counts.Passed++
	l.counts.Bytes += uint64(len(frame) - notes)
}

// next is when there is something to do; ok is false if never.
func (l *lane) next() (at time.Duration, ok bool) {
	if len(l.waiting) > 0 {
		at, ok = l.sent, true
	}
	if len(l.flight) > 0 && (!ok || l.flight[0].due < at) {
		at, ok = l.flight[0].due, true
	}
	return at, ok
}

// set changes what the link is like. What is in flight arrives when it would have; what waits is sent at the new rate.
func (l *lane) set(s Shape, now time.Duration) {
	l.advance(now)
	l.shape = s
	switch {
	case len(l.waiting) == 0:
	case s.Rate != 0:
		l.sent = min(l.sent, now+l.takes(l.waiting[0].frame))
	default:
		for len(l.waiting) > 0 {
			h := l.waiting[0]
			l.waiting = pop(l.waiting)
			l.launch(h, now, now)
		}
	}
}

// flush passes everything on at once, for it is the last of the wire.
func (l *lane) flush() {
	for _, h := range slices.Concat(l.flight, l.waiting) {
		l.deliver(h.frame)
	}
	l.clear()
}

// lose loses everything that is on the way.
func (l *lane) lose() {
	l.counts.Lost += uint64(len(l.flight) + len(l.waiting))
	l.clear()
}

func (l *lane) clear() {
	l.hold(-l.bytes)
	l.flight, l.waiting, l.spare, l.last = nil, nil, nil, 0
}

func (l *lane) hold(more int) {
	l.bytes += more
	l.all.Add(int64(more))
}

// usual is the size of what is kept for the next frames: Ethernet's.
const usual = 2048

// keep makes a copy of a frame that is to be held.
func (l *lane) keep(h held) held {
	n := len(h.frame)
	l.hold(n)
	var room []byte
	if last := len(l.spare) - 1; last >= 0 && n <= usual {
		room, l.spare = l.spare[last], l.spare[:last]
	} else {
		room = make([]byte, max(n, usual))
	}
	h.frame, h.kept = room[:copy(room, h.frame)], true
	return h
}

// release takes back the room of a frame that was kept.
func (l *lane) release(h held) {
	if !h.kept {
		return
	}
	l.hold(-len(h.frame))
	if cap(h.frame) == usual && len(l.spare) < 64 {
		l.spare = append(l.spare, h.frame[:usual])
	}
}
