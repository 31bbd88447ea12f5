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
	w     *waiter
}

func (t *timers) len() int { return len(t.heap) }

func (t *timers) remove(e *timerEntry) {
	if e.index >= 0 {
		heap.Remove(&t.heap, e.index)
	}
}

// sleep registers w to be woken at when. The lock is held.
func (b *baton) sleep(w *waiter, when time.Time) {
	t := &b.timers
	t.seq++
	e := &timerEntry{when: when, seq: t.seq, w: w}
	w.timer = e
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
		b.wakeDue(e.w)
		fired = true
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
