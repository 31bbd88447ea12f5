package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"github.com/nsh-lab/nsh/internal/pass"
)

// A remote is a keeper in a worker, as this process sees it.
type remote struct {
	place  engines.Place
	family int // of the sockets that it makes for a worker
	kid    *child.Child

	mu     sync.Mutex
	lastID int
	calls  map[int]*call
	last   Stats         // what it said last
	lost   syscall.Errno // why there is no worker
	ended  chan struct{} // closed when there is none any more
	once   sync.Once
}

// A call is an op that goes on.
type call struct {
	done chan answer
	tell func(Stats)
}

func newRemote(place engines.Place, family int) *remote {
	return &remote{place: place, family: family, calls: map[int]*call{}, ended: make(chan struct{})}
}

// start starts the worker.
func (r *remote) start(kin *child.Family, args []string, o Order) error {
	kid, err := kin.Spawn(args, r.hear)
	if err != nil {
		r.mu.Lock()
		r.lost = errnoOf(err)
		r.last.fail(codeOf(r.lost), o.N)
		r.last.Limit = limitText(r.lost)
		r.mu.Unlock()
		r.over()
		return err
	}
	r.mu.Lock()
	r.kid = kid
	r.mu.Unlock()
	engines.Go("a crowd's worker", func() error {
		<-kid.Ended()
		r.over()
		return nil
	}, func(error) {})
	return nil
}

func (r *remote) over() { r.once.Do(func() { close(r.ended) }) }

// hear hears what the worker says.
func (r *remote) hear(message []byte, fds []int) {
	var m reply
	if json.Unmarshal(message, &m) != nil {
		pass.Close(fds)
		return
	}
	if m.Need > 0 {
		r.supply(m.Need)
		return
	}
	r.mu.Lock()
	c := r.calls[m.ID]
	if m.Done {
		delete(r.calls, m.ID)
	}
	r.mu.Unlock()
	switch {
	case c == nil:
		pass.Close(fds)
	case m.Done:
		if m.Answer.fd = -1; len(fds) > 0 {
			m.Answer.fd = fds[0]
		}
		c.done <- m.Answer
	case c.tell != nil:
		c.tell(m.Answer.Stats)
	}
}

// supply makes sockets in the place, for a worker that cannot.
func (r *remote) supply(need int) {
	for need > 0 {
		var fds []int
		var errno syscall.Errno
		for len(fds) < min(need, pass.Most) {
			fd, err := r.place.Socket(r.family, syscall.SOCK_STREAM, 0)
			if err != nil {
				errno = errnoOf(err)
				break
			}
			fds = append(fds, fd)
		}
		need -= len(fds)
		err := r.kid.Send(encode(request{Sockets: true, Errno: int(errno)}), fds...)
		pass.Close(fds)
		if err != nil || errno != 0 {
			return
		}
	}
}

// ask asks for something and waits for the answer.
func (r *remote) ask(ctx context.Context, m request, tell func(Stats), fds ...int) (answer, error) {
	c := &call{done: make(chan answer, 1), tell: tell}
	r.mu.Lock()
	r.lastID++
	m.ID = r.lastID
	r.calls[m.ID] = c
	kid := r.kid
	r.mu.Unlock()
	if kid == nil {
		return answer{}, errLost
	}
	if err := kid.Send(encode(m), fds...); err != nil {
		select { // the socket tells of the end before the kernel tells how it came
		case <-kid.Ended():
		case <-time.After(reaping):
		}
		return answer{}, errLost
	}
	select {
	case a := <-c.done:
		return a, nil
	case <-r.ended:
		return answer{}, errLost
	case <-ctx.Done():
	}
	kid.Send(encode(request{ID: m.ID, Cancel: true}))
	select {
	case a := <-c.done:
		return a, nil
	case <-r.ended:
		return answer{}, errLost
	}
}

// reaping is how long a worker whose socket is closed may take to be gone.
const reaping = 5 * time.Second

var errLost = errors.New("the worker has ended")

func (r *remote) open(ctx context.Context, o Order, tell func(Stats)) error {
	a, err := r.ask(ctx, request{Open: &o}, tell)
	if err == nil {
		r.mu.Lock()
		r.last = a.Stats
		r.mu.Unlock()
	}
	return ctx.Err()
}

func (r *remote) do(ctx context.Context, o op) (answer, error) {
	m := request{Op: &o}
	var fds []int
	if o.Kind == "send" {
		f, err := memory(o.Data)
		if err != nil {
			return answer{}, err
		}
		defer f.Close()
		m.Data, fds = true, []int{int(f.Fd())}
	}
	a, err := r.ask(ctx, m, nil, fds...)
	if o.Kind != "stats" {
		return a, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.last = a.Stats
		return a, nil
	}
	return answer{Stats: r.mourned()}, nil
}

// mourned is what there is to say of a worker that has died: what it held is closed.
func (r *remote) mourned() Stats {
	s := r.last
	if r.lost == 0 && s.Open > 0 {
		r.last.fail(codeOf(syscall.EOWNERDEAD), s.Open)
		r.last.Open, r.last.Ended = 0, 0
		r.last.Limit = "a worker process " + r.kid.Why()
		s = r.last
	}
	return s
}

// end ends the worker, and so its connections.
func (r *remote) end() {
	r.mu.Lock()
	kid := r.kid
	r.mu.Unlock()
	if kid != nil {
		kid.End()
		<-kid.Ended()
	}
	r.over()
}
