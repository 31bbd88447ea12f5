package sys

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// A wake is an eventfd that a waiting call has in its set beside what it waits for: a signal would not end the call
// (Go has the kernel restart those), writing to the eventfd does. Where there is no descriptor left for one, fd is -1,
// which poll passes over, and the call waits a slice at a time.
type wake struct {
	mu     sync.Mutex
	fd     int
	noted  bool
	closed bool
}

// slice is how long a call waits at a time that nobody can wake.
const slice = 20 * time.Millisecond

func (w *wake) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && !w.noted && w.fd >= 0 {
		w.noted = true
		raw.Notify(w.fd)
	}
}

// quiet takes back what was noted.
func (w *wake) quiet() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.noted {
		w.noted = false
		raw.Drain(w.fd)
	}
}

func (w *wake) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && w.fd >= 0 {
		raw.Close(w.fd)
	}
	w.closed = true
}

// mostWaiting bounds the calls of a world that wait at once. Each one has a thread, and Go ends the program, past any
// recover, when it has 10,000 of them or the kernel refuses it one: so half of what the user, and the control group, may
// have is left to others.
func mostWaiting() int {
	most := 1000
	var processes unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &processes) == nil && processes.Cur/2 < uint64(most) {
		most = int(processes.Cur / 2)
	}
	text, _ := os.ReadFile("/sys/fs/cgroup/pids.max")
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		most = min(most, n/2)
	}
	return max(most, 8)
}

// wakes are those of one world, used again and again.
type wakes struct {
	mu      sync.Mutex
	idle    []*wake
	waiting int
	most    int
	closed  bool
}

func wakesOf(w *lua.World) *wakes {
	return lua.State(w, func() *wakes {
		ws := &wakes{most: mostWaiting()}
		w.Root().Own("wake-ups", ws.close)
		return ws
	})
}

func (ws *wakes) get() (*wake, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.waiting >= ws.most {
		return nil, &lua.Fault{Code: "ENOMEM", Message: fmt.Sprintf("%d calls wait already, each on a thread of its own", ws.most)}
	}
	if n := len(ws.idle); n > 0 {
		w := ws.idle[n-1]
		ws.idle = ws.idle[:n-1]
		ws.waiting++
		return w, nil
	}
	fd, _ := raw.Eventfd() // or -1
	ws.waiting++
	return &wake{fd: fd}, nil
}

// mostIdle is how many eventfds stay for the calls to come: a loop waits again and again, many fibers one after the other.
const mostIdle = 1

func (ws *wakes) put(w *wake) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.waiting--
	if ws.closed || w.fd < 0 || len(ws.idle) >= mostIdle {
		w.close()
		return
	}
	ws.idle = append(ws.idle, w)
}

func (ws *wakes) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	for _, w := range ws.idle {
		w.close()
	}
	ws.idle = nil
}

// A waiter is one call that waits: for descriptors, until a time, as long as its context lives.
type waiter struct {
	ctx   context.Context
	on    []*descriptor // those of the script's that it uses
	until time.Time     // zero is for ever
	pays  *attention    // nil where nobody wants any
}

// run calls look again and again, with the wake-up to have in its set and the time that is left (negative is for ever),
// until it has found something, fails, or the time is over; then it is called no more, and run returns false. Look
// reports what the kernel said; an interruption is none of its business.
func (w *waiter) run(look func(wakeup int, left time.Duration) (found bool, err error)) (bool, error) {
	pool := wakesOf(lua.EnvOf(w.ctx).World())
	wk, err := pool.get()
	if err != nil {
		return false, err
	}
	defer pool.put(wk)
	defer context.AfterFunc(w.ctx, wk.notify)()
	if w.pays != nil {
		w.pays.wakes(wk)
		defer w.pays.wakes(nil)
	}
	for _, d := range w.on {
		d.watch(wk)
		defer d.unwatch(wk)
	}
	for {
		wk.quiet()
		if err := w.ended(); err != nil {
			return false, err
		}
		left := w.left()
		if wk.fd < 0 && (left < 0 || left > slice) {
			left = slice
		}
		if w.pays != nil && w.pays.isEnded() {
			left = 0 // what is ready now is all there will be
		}
		found, err := look(wk.fd, left)
		switch {
		case err == syscall.EINTR:
		case found || err != nil:
			return found, err
		case left == 0 || left > 0 && w.left() == 0:
			return false, w.ended()
		}
	}
}

// ended is why the waiting is over before its time.
func (w *waiter) ended() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	for _, d := range w.on {
		if d.Closed() {
			return &lua.Fault{Code: "EBADF", Message: "closed by another fiber", Err: syscall.EBADF}
		}
	}
	return nil
}

func (w *waiter) left() time.Duration {
	if w.until.IsZero() {
		return -1
	}
	return max(0, time.Until(w.until))
}

// poll waits with ppoll(2) until one of fds is ready, or says false when the time is over.
func (w *waiter) poll(fds []raw.PollFd) (bool, error) {
	fds = append(fds, raw.PollFd{Events: raw.PollIn})
	last := len(fds) - 1
	return w.run(func(wakeup int, left time.Duration) (bool, error) {
		fds[last].Fd = int32(wakeup)
		n, errno := raw.Poll(fds, left)
		if errno != 0 {
			return false, errno
		}
		if fds[last].Revents != 0 {
			n--
		}
		return n > 0, nil
	})
}

// deadline is when a wait of so long is over.
func deadline(timeout *time.Duration) time.Time {
	if timeout == nil {
		return time.Time{}
	}
	return time.Now().Add(*timeout)
}
