package load

import (
	"context"
	"math"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A worker is one thread of a load: an epoll loop with connections of its own.
type worker struct {
	ctx  context.Context
	g    *group
	cfg  Config
	rec  *Result
	stop string // why it stopped before it was over

	ep, wake int
	began    time.Time // nanoseconds are counted from here
	start    int64     // when the first request was due
	end      int64     // when it is over
	measures bool      // requests go out
	tick     int64     // when deadlines are looked at next
	coarse   bool      // the kernel has no epoll_pwait2

	conns   []conn
	begins  []int64  // when the requests in flight began: Depth of them for each connection, as a ring
	parsers []parser // of HTTP
	pattern []byte   // the request, as often as one send may take
	buf     []byte
	events  []raw.EpollEvent
	byFd    []int32 // whose a descriptor is

	free     idle
	left     int64      // requests that may still begin
	flying   int64      // requests in flight
	statuses [200]int64 // responses of HTTP from 400 to 599
	issued   int64      // requests that have begun
	making   int        // connections under way
	open     int        // connections open
	waiting  int        // connections that wait to be tried again
	hopeless int        // of those, the ones that were tried often enough
}

// bufferSize is what one receive takes, and about what one send gives.
const bufferSize = 64 << 10

// newWorker makes the i-th worker; nothing of it is allocated later.
func newWorker(ctx context.Context, g *group, cfg Config, i int) (*worker, error) {
	n := int(share(int64(cfg.N), i, cfg.Threads))
	w := &worker{ctx: ctx, g: g, cfg: cfg, rec: NewResult(), ep: -1, wake: -1, began: time.Now(), left: math.MaxInt64,
		conns: make([]conn, n), begins: make([]int64, n*cfg.Depth), buf: make([]byte, bufferSize),
		events: make([]raw.EpollEvent, 512), byFd: make([]int32, 256), free: idle{ring: make([]int32, n)}}
	w.cfg.N, w.cfg.Rate = n, cfg.Rate/float64(cfg.Threads)
	if cfg.Count > 0 {
		w.left = share(cfg.Count, i, cfg.Threads)
	}
	for j := range w.conns {
		w.conns[j].fd = -1
	}
	if cfg.Mode == HTTP {
		w.parsers = make([]parser, n)
	}
	copies := max(1, min(cfg.Depth, bufferSize/len(cfg.Request)))
	for range copies {
		w.pattern = append(w.pattern, cfg.Request...)
	}
	var errno syscall.Errno
	if w.ep, errno = raw.EpollCreate(); errno == 0 {
		if w.wake, errno = raw.Eventfd(); errno == 0 {
			errno = raw.EpollCtl(w.ep, syscall.EPOLL_CTL_ADD, w.wake, 0, syscall.EPOLLIN)
		}
	}
	if errno != 0 {
		w.release()
		return nil, errno
	}
	return w, nil
}

// release closes what is left.
func (w *worker) release() {
	for i := range w.conns {
		if w.conns[i].fd >= 0 {
			raw.Close(w.conns[i].fd)
			w.conns[i].fd = -1
		}
	}
	if w.wake >= 0 {
		raw.Close(w.wake)
	}
	if w.ep >= 0 {
		raw.Close(w.ep)
	}
}

// halt ends the wait, because the context has ended.
func (w *worker) halt() { raw.Notify(w.wake) }

func (w *worker) now() int64 { return int64(time.Since(w.began)) }

// run is the whole of a thread's life. Whatever happens, those who wait for it go on.
func (w *worker) run() {
	step := 0
	defer func() {
		for ; step < 2; step++ {
			[]func(){w.g.ready.Done, w.g.counted.Done}[step]()
		}
		w.g.done.Done()
	}()
	runtime.LockOSThread() // never unlocked: the thread, whose timers are finer now, ends with the function
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	raw.MoreProcs(1)
	defer raw.MoreProcs(-1)
	if w.cfg.Mode != Churn {
		w.connect()
	}
	before := UsageOf(syscall.RUSAGE_THREAD)
	step++
	w.g.ready.Done()
	<-w.g.opened
	w.measure()
	w.g.stopped()
	w.rec.Threads, w.rec.Used = 1, UsageOf(syscall.RUSAGE_THREAD).Less(before)
	step++
	w.g.counted.Done()
	<-w.g.closing
	for i := range w.conns {
		w.drop(i)
	}
}

// connectGrace is how long the load waits for connections that are neither made nor refused before it begins without
// them: a full listen queue answers after a second at the earliest.
const connectGrace = time.Second

// connect opens the connections, some at a time.
func (w *worker) connect() {
	window, next, progress := 64, 0, w.now()
	for w.ctx.Err() == nil && (next < len(w.conns) || w.making > 0) {
		for ; next < len(w.conns) && w.making < window; next++ {
			w.dial(next, w.now())
		}
		before := w.making
		w.turn(10 * time.Millisecond)
		switch now := w.now(); {
		case w.making != before:
			progress = now
		case now-progress < int64(min(connectGrace, w.cfg.Timeout)):
		case next < len(w.conns):
			window, progress = len(w.conns), now // the rest all at once
		default:
			return // the rest is under way
		}
	}
}

// measure sends requests until it is over.
func (w *worker) measure() {
	w.measures = true
	w.start, w.end = int64(w.g.start.Sub(w.began)), math.MaxInt64
	if w.cfg.Limit > 0 {
		w.end = w.start + int64(w.cfg.Limit)
	}
	if w.cfg.Mode != Churn && w.open+w.making == 0 {
		w.stop = "no connection could be opened"
		return
	}
	w.tick = w.now()
	for i := range w.conns {
		w.ready(i, w.now())
	}
	for {
		now := w.now()
		if w.over(now) {
			break
		}
		w.due(now)
		if now >= w.tick {
			w.overdue(now)
		}
		w.turn(w.rest(now))
	}
	w.rec.Unanswered = w.flying
	if w.cfg.Rate > 0 {
		w.rec.Unsent = max(0, w.wanted(min(w.now(), w.end-1))-w.issued)
	}
	for i, n := range w.statuses {
		w.rec.Fail("HTTP_"+strconv.Itoa(400+i), n)
	}
	for i := range w.conns {
		if w.conns[i].answered {
			w.rec.Answered++
		}
	}
}

// over says whether it is.
func (w *worker) over(now int64) bool {
	switch {
	case w.ctx.Err() != nil:
		w.stop = "interrupted"
	case now >= w.end, w.left == 0 && w.flying == 0:
	case w.hopeless == len(w.conns):
		w.stop = "every connection failed again and again"
	default:
		return false
	}
	return true
}

// rest is how long there is nothing to do but wait.
func (w *worker) rest(now int64) time.Duration {
	until := min(w.end, w.tick)
	if w.cfg.Rate > 0 && w.left > 0 && w.free.n > 0 {
		until = min(until, w.start+int64(float64(w.issued)/w.cfg.Rate*1e9))
	}
	return time.Duration(max(0, until-now))
}
