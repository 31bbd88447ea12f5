package lab

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// passes is a lane that notes what it passes on: the first byte of each frame, and when.
type passes struct {
	lane
	now   time.Duration
	what  []byte
	times []time.Duration
}

func newPasses(s Shape) *passes {
	p := &passes{lane: lane{shape: s, chance: newChance(1, 0, 0), all: &atomic.Int64{}}}
	p.pass = func(frame []byte) bool {
		p.what, p.times = append(p.what, frame[notes]), append(p.times, p.now)
		return true
	}
	return p
}

// sends offers a frame of so many bytes at the time that it is.
func (p *passes) sends(what byte, size int) {
	frame := make([]byte, notes+size)
	frame[notes] = what
	p.offer(frame, p.now)
	clear(frame) // it is the caller's again
}

// until lets time pass, as a wire does: from one thing to do to the next.
func (p *passes) until(end time.Duration) {
	for at, ok := p.next(); ok && at <= end; at, ok = p.next() {
		p.now = max(p.now, at)
		p.advance(p.now)
	}
	p.now = end
}

const second = time.Second

func TestLaneDelay(t *testing.T) {
	p := newPasses(Shape{Delay: second})
	p.sends('a', 60)
	p.until(second / 2)
	p.sends('b', 3000)
	if at, ok := p.next(); !ok || at != second {
		t.Errorf("the next at %v %v", at, ok)
	}
	p.until(3 * second)
	if string(p.what) != "ab" || p.times[0] != second || p.times[1] != 3*second/2 {
		t.Errorf("%s at %v", p.what, p.times)
	}
	if _, ok := p.next(); ok || p.bytes != 0 {
		t.Errorf("still something to do; %d bytes held", p.bytes)
	}
}

// TestLaneJitter: frames that are far apart are spread, and those that are close together keep their order.
func TestLaneJitter(t *testing.T) {
	for _, apart := range []time.Duration{5 * second, second / 100} {
		p := newPasses(Shape{Delay: second, Jitter: second / 2})
		var took []time.Duration
		for i := range byte(100) {
			p.sends(i, 60)
			p.until(p.now + apart)
		}
		p.until(p.now + 10*second)
		if len(p.what) != 100 || !slices.IsSorted(p.what) {
			t.Errorf("in this order: %v", p.what)
		}
		for i, at := range p.times {
			took = append(took, at-time.Duration(i)*apart)
		}
		least, most := slices.Min(took), slices.Max(took)
		if least < second/2 || most < 5*second/4 || most > 3*second/2 || apart > second && least > 3*second/4 {
			t.Errorf("%v apart: from %v to %v", apart, least, most)
		}
	}
}

func TestLaneReorder(t *testing.T) {
	p := newPasses(Shape{Delay: second, Reorder: 0.25})
	for i := range byte(100) {
		p.sends(i, 60)
		p.until(p.now + second/1000)
	}
	p.until(10 * second)
	var atOnce, delayed []byte
	for i, at := range p.times {
		switch time.Duration(p.what[i]) * second / 1000 {
		case at:
			atOnce = append(atOnce, p.what[i])
		case at - second:
			delayed = append(delayed, p.what[i])
		}
	}
	overtook := 0
	for _, i := range atOnce {
		if len(delayed) > 0 && i > delayed[0] {
			overtook++
		}
	}
	if len(atOnce)+len(delayed) != 100 || len(atOnce) < 15 || len(atOnce) > 35 || !slices.IsSorted(delayed) || p.counts.Reordered != uint64(overtook) {
		t.Errorf("at once %v, delayed %v, %+v", atOnce, delayed, p.counts)
	}
}

func TestLaneRate(t *testing.T) {
	// A frame of 125 bytes takes a second; five wait, of which one is being sent.
	p := newPasses(Shape{Rate: 1000, Queue: 5, Delay: second})
	for i := range byte(10) {
		p.sends('a'+i, 125)
	}
	p.until(20 * second)
	if string(p.what) != "abcde" || p.counts.Dropped != 5 || p.counts.Bytes != 5*125 {
		t.Errorf("%s, %+v", p.what, p.counts)
	}
	for i, at := range p.times {
		if at != time.Duration(i+2)*second {
			t.Errorf("%c at %v", p.what[i], at)
		}
	}
	// After a pause nothing has been saved up.
	p.sends('x', 125)
	p.sends('y', 125)
	p.until(30 * second)
	if n := len(p.times); n != 7 || p.times[5] != 22*second || p.times[6] != 23*second {
		t.Errorf("%v", p.times)
	}
}

func TestLaneChanges(t *testing.T) {
	slow := Shape{Rate: leastRate, Queue: 10}
	p := newPasses(slow)
	for i := range byte(3) {
		p.sends('a'+i, 1250) // 100 seconds each
	}
	p.until(second)
	p.set(Shape{Rate: 10_000, Queue: 10}, p.now) // 1 second each
	p.until(10 * second)
	if string(p.what) != "abc" || p.times[0] != 2*second || p.times[2] != 4*second {
		t.Errorf("faster: %s at %v", p.what, p.times)
	}
	p.set(slow, p.now)
	p.sends('d', 1250)
	p.sends('e', 1250)
	p.set(Shape{Delay: second}, p.now)
	p.sends('f', 1250)
	p.until(11 * second)
	if string(p.what) != "abcdef" || p.times[3] != 11*second {
		t.Errorf("without a rate: %s at %v", p.what, p.times)
	}
	// What comes later does not overtake what is still under way.
	p.set(Shape{Delay: 5 * second}, p.now)
	p.sends('g', 60)
	p.set(Shape{Delay: second}, p.now)
	p.sends('h', 60)
	p.flush()
	p.sends('i', 60)
	p.lose()
	p.until(30 * second)
	if string(p.what) != "abcdefgh" || p.counts.Lost != 1 || p.bytes != 0 {
		t.Errorf("flushed: %s, %+v", p.what, p.counts)
	}
}

// TestLaneRoom: what is held is bounded, for one direction and for all.
func TestLaneRoom(t *testing.T) {
	p, q := newPasses(Shape{Delay: second}), newPasses(Shape{Delay: second})
	q.all = p.all
	const size = 1 << 20
	for range 100 {
		p.sends('x', size)
	}
	if p.counts.Dropped < 100-mostHeld/size || p.bytes > mostHeld || p.all.Load() != int64(p.bytes) {
		t.Errorf("%d bytes held, %+v", p.bytes, p.counts)
	}
	p.all.Add(mostHeldAll - 2*mostHeld) // as if others held it
	for range 100 {
		q.sends('x', size)
	}
	if p.all.Load() > mostHeldAll || q.counts.Dropped < 36 {
		t.Errorf("%d bytes held by all, %+v", p.all.Load(), q.counts)
	}
	p.until(2 * second)
	q.lose()
	if p.all.Load() != mostHeldAll-2*mostHeld || p.bytes != 0 || q.bytes != 0 {
		t.Errorf("%d bytes held by all", p.all.Load())
	}
}

// TestChance: a frame's fate depends on how many of its kind came before, and on nothing else.
func TestChance(t *testing.T) {
	udp, mld := make([]byte, 60), make([]byte, 60)
	udp[12], udp[13], udp[14+9] = 0x08, 0x00, 17
	mld[12], mld[13] = 0x86, 0xdd
	fates := func(seed int64, link int, disturbed bool, s Shape) (out []fate) {
		c := newChance(seed, link, 0)
		for i := range 1000 {
			if disturbed && i%3 == 0 {
				c.next(mld, &s)
			}
			out = append(out, c.next(udp, &s))
		}
		return out
	}
	half := Shape{Loss: 0.5, Duplicate: 0.5, Reorder: 0.5}
	want := fates(1, 0, false, half)
	if !slices.Equal(want, fates(1, 0, true, half)) {
		t.Error("other frames disturb")
	}
	if slices.Equal(want, fates(2, 0, false, half)) || slices.Equal(want, fates(1, 1, false, half)) {
		t.Error("another seed or link gives the same")
	}
	for i, f := range fates(1, 0, false, Shape{Loss: 0.5}) {
		if f.lost != want[i].lost {
			t.Fatal("other options change who is lost")
		}
	}
	for i, f := range fates(1, 0, false, Shape{Loss: 1, Reorder: 0}) {
		if !f.lost || f.overtakes || f.jitter < -1 || f.jitter > 1 {
			t.Fatalf("%d: %+v", i, f)
		}
	}
	// Kinds without end take no memory without end.
	c := newChance(1, 0, 0)
	for i := range 5000 {
		odd := make([]byte, 60)
		odd[12], odd[13] = byte(i>>8)|0x40, byte(i)
		c.next(odd, &half)
	}
	if len(c.kinds) > mostKinds+1 {
		t.Errorf("%d kinds", len(c.kinds))
	}
}
