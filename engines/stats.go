package engines

import (
	"fmt"
	"sync/atomic"
)

// Stats is what a server has done and is doing, summed over its workers.
type Stats struct {
	Accepted int64 // connections taken from the kernel's queue
	Active   int64 // of these, open now
	Closed   int64
	Queued   int64 // connections that nobody serves yet, now: in the kernel's queue, and in that of a pool
	Unsent   int64 // bytes in the output queues of connections, now
	BytesIn  int64
	BytesOut int64
	Errors   int64            // of connections, handlers and accepts
	Reasons  map[string]int64 // the same errors by what happened, in words
	Wakeups  int64            // waits that ended because something was ready; an interrupted one is none
	Syscalls int64            // made for connections by nsh itself, not by Go's poller
	Threads  int64            // alive now for connections
	// Processes is how many children are alive now for connections.
	Processes int64
	ByWorker  []int64 // connections accepted by each
}

// Counters are one worker's. Only their sum is ever read, so that loops never share a cache line.
type Counters struct {
	Accepted, Closed, BytesIn, BytesOut atomic.Int64
	Wakeups, Syscalls, Unsent           atomic.Int64
	Threads, Processes, Queued          atomic.Int64
	_                                   [48]byte
}

// maxReasons bounds what a server remembers: the text of a handler's error may be new every time.
const maxReasons = 64

// fail counts an error, by what happened.
func (h *hub) fail(reason string) {
	if h.told != nil {
		h.told(reason)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errors++
	if _, known := h.reasons[reason]; !known && len(h.reasons) >= maxReasons {
		reason = "other"
	}
	if h.reasons == nil {
		h.reasons = map[string]int64{}
	}
	h.reasons[reason]++
}

// stats sums the workers up.
func (h *hub) stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Errors: h.errors, Reasons: make(map[string]int64, len(h.reasons))}
	for k, v := range h.reasons {
		s.Reasons[k] = v
	}
	for _, c := range h.workers {
		// Closed is read before Accepted, so that a connection between the two never makes Active negative.
		s.Closed += c.Closed.Load()
		accepted := c.Accepted.Load()
		s.Accepted += accepted
		s.ByWorker = append(s.ByWorker, accepted)
		s.BytesIn += c.BytesIn.Load()
		s.BytesOut += c.BytesOut.Load()
		s.Wakeups += c.Wakeups.Load()
		s.Syscalls += c.Syscalls.Load()
		s.Unsent += c.Unsent.Load()
		s.Queued += c.Queued.Load()
		s.Threads += c.Threads.Load()
		s.Processes += c.Processes.Load()
	}
	if h.also != nil {
		h.also(&s)
	}
	s.Active = s.Accepted - s.Closed
	for _, ln := range h.listeners {
		s.Queued += ln.queued()
	}
	return s
}

// reason is an error in words that many connections share: its code first, where it has one.
func reason(err error) string {
	if code := Code(err); code != "" {
		return fmt.Sprintf("%s: %v", code, err)
	}
	return err.Error()
}
