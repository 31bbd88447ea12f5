package uring

import (
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/internal/uring"
)

// ready is what a poll's answer means. Where the kernel receives by itself, that is how a failure is learned of, and a
// poll is about sending only.
func (p *poller) ready(res int32, tag uint32) (i engines.Interest) {
	if tag != 0 && !p.readiness || res < 0 {
		return engines.Out
	}
	if res&raw.PollIn != 0 {
		i |= engines.In
	}
	if res&raw.PollOut != 0 {
		i |= engines.Out
	}
	if res&(raw.PollErr|raw.PollHup) != 0 {
		i |= engines.Gone
	}
	return i
}

// events are those of poll(2) that are waited for.
func events(want engines.Interest) (events int16) {
	if want&engines.In != 0 {
		events |= raw.PollIn
	}
	if want&engines.Out != 0 {
		events |= raw.PollOut
	}
	return events
}

// Recycle gives the kernel its buffer back.
func (p *poller) Recycle(d *engines.Completion) {
	if d.Data != nil {
		p.buffers.Return(d.Buffer)
		d.Data = nil
	}
}

// Finish calls off everything and waits for the last completions: as long as a submission stands in the ring, the kernel
// keeps its socket open, and the listener listening.
func (p *poller) Finish() {
	p.ring.Submit(&uring.SQE{Opcode: uring.OpAsyncCancel, FD: -1, OpFlags: uring.CancelAny | uring.CancelAll,
		UserData: userData(cancels, 0, 0)})
	deadline := time.Now().Add(500 * time.Millisecond)
	for p.flying > 0 && time.Now().Before(deadline) {
		if errno := p.ring.Enter(true, 10*time.Millisecond); errno != 0 {
			return
		}
		for c, ok := p.ring.Next(); ok; c, ok = p.ring.Next() {
			var d engines.Completion
			if _, ok := p.event(c, &d); ok && d.Accepted && d.Errno == 0 {
				raw.Close(d.New) // accepted at the last moment
			}
		}
	}
}

// Close frees the ring and the buffers.
func (p *poller) Close() {
	p.ring.Close()
	p.buffers.Free()
}
