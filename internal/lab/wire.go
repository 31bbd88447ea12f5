package lab

import (
	"sync"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A wire carries the frames of one link between its ends in the process's own network, in the place of the kernel's
// bridge: it delays, loses and doubles them. It does so also where the kernel could (tc-netem(8)): what is the same on
// every machine, and drawn from the laboratory's seed, is worth more in a lesson than what is faster.
//
// It is one goroutine, which sleeps in poll until a frame comes or is due; an idle wire never wakes up.
type wire struct {
	taps  [2]*tap // at end A, and at end B
	wake  int     // an eventfd: something has been changed
	birth time.Time
	done  chan struct{}

	mu      sync.Mutex
	lanes   *[2]lane // from A to B, and from B to A
	stopped bool
	buf     []byte
}

// newWire opens both ends, by the numbers of their interfaces in the network of this thread. Frames that come are kept
// by the kernel until start.
func newWire(lanes *[2]lane, ends [2]int) (*wire, error) {
	w := &wire{wake: -1, birth: time.Now(), done: make(chan struct{}), lanes: lanes, buf: make([]byte, mostFrame)}
	for i, index := range ends {
		t, err := newTap(index)
		if err != nil {
			w.close()
			return nil, err
		}
		w.taps[i] = t
	}
	wake, errno := raw.Eventfd()
	if errno != 0 {
		w.close()
		return nil, errno
	}
	w.wake = wake
	for i := range lanes {
		lanes[i].pass = w.taps[1-i].send
	}
	return w, nil
}

func (w *wire) close() {
	for _, t := range w.taps {
		if t != nil {
			t.close()
		}
	}
	if w.wake >= 0 {
		raw.Close(w.wake)
	}
}

// run carries frames until stop.
func (w *wire) run() {
	defer close(w.done)
	fds := []raw.PollFd{{Fd: int32(w.wake), Events: raw.PollIn}, {Fd: int32(w.taps[0].fd), Events: raw.PollIn}, {Fd: int32(w.taps[1].fd), Events: raw.PollIn}}
	for {
		wait, ok := w.turn(fds)
		if !ok {
			return
		}
		if _, errno := raw.Poll(fds, wait); errno != 0 {
			for i := range fds {
				fds[i].Revents = 0
			}
		}
	}
}

// turn does what there is to do, and says how long to sleep; a negative time is for ever.
func (w *wire) turn(fds []raw.PollFd) (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return 0, false
	}
	if fds[0].Revents != 0 {
		raw.Drain(w.wake)
	}
	for side := range w.taps {
		if fds[1+side].Revents != 0 {
			w.read(side)
		}
	}
	now := w.now()
	wait = -1
	for i := range w.lanes {
		w.lanes[i].advance(now)
		if at, ok := w.lanes[i].next(); ok && (wait < 0 || at-now < wait) {
			wait = max(at-now, 0)
		}
	}
	return wait, true
}

func (w *wire) now() time.Duration { return time.Since(w.birth) }

// read takes what has come at one end, in portions, so that the other end has its turn.
func (w *wire) read(side int) {
	const portion = 64
	for range portion {
		frame, ok := w.taps[side].receive(w.buf)
		if !ok {
			return
		}
		if len(frame) > 0 {
			w.lanes[side].offer(frame, w.now())
		}
	}
}

// set changes what the link is like.
func (w *wire) set(shapes [2]Shape) {
	w.mu.Lock()
	for i := range w.lanes {
		w.lanes[i].set(shapes[i], w.now())
	}
	w.mu.Unlock()
	raw.Notify(w.wake)
}

// count is what has become of the frames until now, those among them that the goroutine has not got round to.
func (w *wire) count() [2]Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	for side := range w.taps {
		w.read(side)
	}
	raw.Notify(w.wake) // what is due first may be another now
	return w.counted()
}

func (w *wire) counted() (out [2]Traffic) {
	for i := range w.lanes {
		w.lanes[i].counts.Dropped += w.taps[i].missed()
		out[i] = w.lanes[i].counts
	}
	return out
}

// stop ends it. What is on its way arrives at once, or is lost.
func (w *wire) stop(lose bool) {
	w.mu.Lock()
	for i := range w.lanes {
		w.read(i)
		if lose {
			w.lanes[i].lose()
		} else {
			w.lanes[i].flush()
		}
	}
	w.counted()
	w.stopped = true
	w.mu.Unlock()
	raw.Notify(w.wake)
	<-w.done
	w.close()
}
