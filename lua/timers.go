package lua

import (
	"container/heap"
	"time"
)

// timers is the World's own heap of sleepers: those that are due go into the baton's line in the order of their time,
// and of their going to sleep where that is the same. Ten goroutines sleeping to one instant by Go's timers would wake
// in any order.
type timers struct {
	heap  timerHeap
	seq   uint64
	alarm *time.Timer
}

type timerEntry struct {
	when  time.Time
	seq   uint64
	index int
	w     *waiter // a sleeper, or nil:
	limit *limit  // a fiber.timeout
}

func (t *timers) len() int { return len(t.heap) }

func (t *timers) remove(e *timerEntry) {
	if e.index >= 0 {
		heap.Remove(&t.heap, e.index)
	}
}

// sleep registers w to be woken at when. The lock is held.
func (b *baton) sleep(w *waiter, when time.Time) {
	w.timer = &timerEntry{when: when, w: w}
	b.schedule(w.timer)
}

func (b *baton) schedule(e *timerEntry) {
	t := &b.timers
	t.seq++
	e.seq = t.seq
	heap.Push(&t.heap, e)
	if e.index == 0 {
		b.setAlarm()
	}
}

// fireDue wakes all whose time has come. The lock is held.
func (b *baton) fireDue(now time.Time) {
	t := &b.timers
	fired := false
	for len(t.heap) > 0 && !t.heap[0].when.After(now) {
		e := heap.Pop(&t.heap).(*timerEntry)
		if fired = true; e.limit != nil {
			b.expire(e.limit)
			continue
		}
		e.w.timer = nil
		b.ready(e.w, nil)
	}
	if fired && len(t.heap) > 0 {
		b.setAlarm()
	}
}

func (b *baton) setAlarm() {
	t := &b.timers
	d := time.Until(t.heap[0].when)
	if t.alarm == nil {
		t.alarm = time.AfterFunc(d, b.ring)
		return
	}
	t.alarm.Reset(d)
}

func (b *baton) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fireDue(time.Now())
	if b.timers.len() > 0 {
		b.setAlarm()
	}
}

type timerHeap []*timerEntry

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].when.Equal(h[j].when) {
		return h[i].seq < h[j].seq
	}
	return h[i].when.Before(h[j].when)
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	e := x.(*timerEntry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *timerHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
