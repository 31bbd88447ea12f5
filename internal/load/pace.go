package load

import "time"

// idle are the connections of an open loop that could take a request, the one that has waited longest first.
type idle struct {
	ring    []int32
	head, n int
}

func (q *idle) push(i int) {
	q.ring[(q.head+q.n)%len(q.ring)] = int32(i)
	q.n++
}

func (q *idle) pop() int {
	i := q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return int(i)
}

// wanted is how many requests were due by then.
func (w *worker) wanted(now int64) int64 {
	if now < w.start {
		return 0
	}
	n := int64(float64(now-w.start)*w.cfg.Rate/1e9) + 1
	return min(n, w.issued+w.left)
}

// due begins the requests of an open loop whose time has come, as far as there are connections free for them. The others
// wait, and their latency counts already.
func (w *worker) due(now int64) {
	if w.cfg.Rate == 0 {
		return
	}
	for wanted := w.wanted(now); w.issued < wanted && w.free.n > 0; {
		i := w.free.pop()
		c := &w.conns[i]
		c.queued = false
		begins := w.start + int64(float64(w.issued)/w.cfg.Rate*1e9)
		switch {
		case w.cfg.Mode == Churn && c.state == down && c.retry == 0:
			w.request(i, begins, now)
		case w.cfg.Mode != Churn && c.state == up:
			w.request(i, begins, now)
			w.flush(i)
			w.ready(i, now)
		}
	}
}

// ready gives a connection that could take a request one, or lets it wait for one that is due.
func (w *worker) ready(i int, now int64) {
	c := &w.conns[i]
	churns := w.cfg.Mode == Churn
	if !w.measures || churns != (c.state == down) || c.state == dialing || c.retry != 0 || int(c.flight) >= w.cfg.Depth {
		return
	}
	if w.cfg.Rate > 0 {
		if !c.queued {
			c.queued = true
			w.free.push(i)
		}
		return
	}
	if churns {
		w.request(i, now, now)
		return
	}
	for int(c.flight) < w.cfg.Depth && w.left > 0 {
		w.request(i, now, now)
	}
	w.flush(i)
}

// request begins one: on its way now, but counted from begins.
func (w *worker) request(i int, begins, now int64) {
	if w.left == 0 {
		return
	}
	c := &w.conns[i]
	if c.flight == 0 {
		c.since = now
	}
	w.begins[i*w.cfg.Depth+(int(c.head)+int(c.flight))%w.cfg.Depth] = begins
	c.flight++
	w.left--
	w.flying++
	w.issued++
	c.pending += len(w.cfg.Request)
	if w.cfg.Mode == Churn {
		w.dial(i, now)
	}
}

// overdue looks at what has a deadline: answers, handshakes, connections to be tried again.
func (w *worker) overdue(now int64) {
	w.tick = now + int64(min(max(w.cfg.Timeout/20, 5*time.Millisecond), 100*time.Millisecond))
	if w.waiting > 0 {
		w.tick = min(w.tick, now+int64(5*time.Millisecond))
	}
	limit := int64(w.cfg.Timeout)
	for i := range w.conns {
		c := &w.conns[i]
		switch {
		case c.retry != 0 && now >= c.retry:
			w.again(i, now)
		case (c.state == dialing || c.flight > 0) && now-c.since > limit:
			w.fail(i, "ETIMEDOUT")
		}
	}
}
