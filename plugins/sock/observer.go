package sock

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/sock/trail"
)

// An observer fills a Record. It is one goroutine, which sleeps in poll until a packet passes, a socket is freed or it is
// time to look at the kernel's table again.
type observer struct {
	record *trail.Record
	want   func(a, b netip.AddrPort) bool // whose packets and sockets are meant
	query  netlink.Query                  // the same, as the kernel is asked
	states bool                           // it looks at the table
	keep   int                            // bytes of each packet that are kept
	posts  []*post
	tracer *tracer
	why    error // why there is no tracer, where there might be one

	wake int
	buf  []byte
	done chan struct{}

	mu      sync.Mutex
	stopped bool
	waiting []chan struct{} // for the end of the next look

	pace pace
}

// start begins to observe; when it returns, what happens from now on will be seen.
func (o *observer) start(ctx context.Context, places []engines.Place) (err error) {
	o.wake, o.done, o.buf = -1, make(chan struct{}), make([]byte, 64<<10)
	if o.states && mayTrace(places) {
		o.tracer, o.why = newTracer(o.query.Port)
	}
	for _, place := range places {
		p, err := o.open(ctx, place)
		if err != nil {
			o.close()
			return err
		}
		o.posts = append(o.posts, p)
	}
	wake, errno := raw.Eventfd()
	if errno != 0 {
		o.close()
		return lua.NewFault("eventfd", "", errno)
	}
	o.wake = wake
	o.pace.begin(o)
	if slices.ContainsFunc(o.posts, func(p *post) bool { return p.packets != nil }) {
		time.Sleep(packet.Settling)
	}
	if o.states {
		o.survey(ctx)
	}
	lua.Go("sock observer", nil, func() {
		defer close(o.done)
		o.run()
	})
	return nil
}

func (o *observer) close() {
	for _, p := range o.posts {
		p.close()
	}
	if o.tracer != nil {
		o.tracer.close()
	}
	if o.wake >= 0 {
		raw.Close(o.wake)
	}
	o.wake = -1
}

// stop takes a last look and ends it. It may be called again.
func (o *observer) stop() {
	o.mu.Lock()
	already := o.stopped
	o.stopped = true
	if !already {
		raw.Notify(o.wake)
	}
	o.mu.Unlock()
	<-o.done
}

func (o *observer) isStopped() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stopped
}

// look waits until what has happened by now is in the record.
func (o *observer) look(ctx context.Context) error {
	o.mu.Lock()
	if o.stopped {
		o.mu.Unlock()
		return nil
	}
	ch := make(chan struct{})
	o.waiting = append(o.waiting, ch)
	raw.Notify(o.wake)
	o.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-o.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run observes until stop.
func (o *observer) run() {
	defer o.close()
	fds := []raw.PollFd{{Fd: int32(o.wake), Events: raw.PollIn}}
	for _, p := range o.posts {
		if p.news >= 0 {
			fds = append(fds, raw.PollFd{Fd: int32(p.news), Events: raw.PollIn})
		}
		if p.packets != nil {
			fds = append(fds, p.packets.Poll())
		}
	}
	if o.tracer != nil {
		fds = append(fds, raw.PollFd{Fd: int32(o.tracer.from), Events: raw.PollIn})
	}
	for {
		raw.Poll(fds, o.pace.sleep())
		if fds[0].Revents != 0 {
			raw.Drain(o.wake)
		}
		for i := range fds {
			fds[i].Revents = 0
		}
		o.mu.Lock()
		waiting, last := o.waiting, o.stopped
		o.waiting = nil
		o.mu.Unlock()
		o.turn(last || len(waiting) > 0)
		for _, ch := range waiting {
			close(ch)
		}
		if last {
			return
		}
	}
}

// turn takes what has come, and looks at the table where that, or the time, gives reason to; wanted is that somebody waits
// for it.
func (o *observer) turn(wanted bool) {
	something := false
	for _, p := range o.posts {
		something = o.receive(p, wanted) || something
	}
	if o.tracer != nil {
		something = o.tracer.take(o) || something
	}
	if !o.states {
		return
	}
	ctx := context.Background() // the kernel answers from its own memory
	if due(o.pace.surveyAt) || wanted {
		o.survey(ctx)
	}
	if something || wanted || due(o.pace.askAt) {
		o.ask(ctx, wanted)
	}
}

// receive takes the packets and the news of one network. In portions, so that a busy one does not keep the others waiting,
// but all that is there when somebody waits.
func (o *observer) receive(p *post, all bool) (something bool) {
	if p.packets != nil {
		for n := 0; all || n < 512; n++ {
			got, ok := p.packets.Next(o.keep)
			if !ok {
				break
			}
			if o.want(got.Src, got.Dst) {
				o.record.Packet(p.name, &got)
				something = true
			}
		}
	}
	if p.news >= 0 {
		netlink.Destroyed(p.news, o.buf, func(s *netlink.Socket) {
			// One that was reset by its own side has lost its addresses.
			something = something || s.PeerPort() == 0 || o.want(s.Local(), s.Peer())
		})
	}
	return something
}

// survey reads the table for connections that nobody knows yet.
func (o *observer) survey(ctx context.Context) {
	from := time.Now()
	for _, p := range o.posts {
		asked := time.Now()
		rows, _, err := netlink.Append(ctx, p.diag, o.query, nil)
		if err != nil && !errors.Is(err, context.Canceled) {
			continue
		}
		told := time.Now()
		for i := range rows {
			s := &rows[i]
			if s.State != netlink.Listen && s.Peer().Port() != 0 && o.want(s.Local(), s.Peer()) {
				o.record.Sample(p.name, s.Local(), s.Peer(), s.State, s.Cookie(), asked, told)
			}
		}
	}
	o.pace.surveyed(time.Since(from))
}

// ask looks up the ends that may have changed. Those in TIME_WAIT do so by a timer, and are asked about less often.
func (o *observer) ask(ctx context.Context, wanted bool) {
	from := time.Now()
	slow := due(o.pace.slowAt) || wanted
	n := 0
	for _, e := range o.record.Ends(slow) {
		for _, p := range o.posts {
			if e.Where != "" && e.Where != p.name {
				continue
			}
			asked := time.Now()
			s, ok, err := p.asker.Ask(ctx, e.Local, e.Peer)
			if err != nil {
				continue
			}
			n++
			if ok {
				o.record.Sample(p.name, e.Local, e.Peer, s.State, s.Cookie(), asked, time.Now())
			} else {
				o.record.Sample(p.name, e.Local, e.Peer, 0, 0, asked, time.Now())
			}
		}
	}
	o.pace.asked(n, time.Since(from))
}

// lost is how many packets passed that were not taken soon enough.
func (o *observer) lost() (n uint64) {
	for _, p := range o.posts {
		if p.packets != nil {
			n += p.packets.Lost()
		}
	}
	return n
}
