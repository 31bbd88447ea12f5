package engines

import (
	"context"
	"slices"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A request is what somebody who is not on the loop's thread wants from a driven connection, and what came of it. It is
// tried when it comes, and again when the kernel has told of a change.
type request struct {
	kind  requestKind
	want  Interest // what has to be ready for it
	once  bool     // it is not to wait for that
	buf   []byte
	call  func()
	tried bool
	given bool // up, while it was being tried

	over  bool // it was done, not given up
	n     int
	errno syscall.Errno
	ready Interest
	done  chan struct{} // one slot: a token when it is finished
}

type requestKind uint8

const (
	toWait requestKind = iota
	toReceive
	toSend // all of it, unless once
	toCall
)

// try does what is asked for, as far as it can be done without waiting, and says whether that was the end of it. It
// runs on the loop's thread.
func (r *request) try(d *driven) (finished bool) {
	r.tried = true
	switch r.kind {
	case toCall:
		r.call()
		return true
	case toWait:
		d.conn.count.Syscalls.Add(1)
		r.ready = pollReady(raw.PollNow(d.conn.fd, pollEvents(r.want)))
		return r.ready != 0 || r.once
	case toReceive:
		r.n, r.errno = d.recvNow(r.buf)
		return r.errno != syscall.EAGAIN || r.once
	}
	for {
		d.conn.count.Syscalls.Add(1)
		n, errno := raw.Send(d.conn.fd, r.buf[r.n:])
		r.n, r.errno = r.n+n, errno
		if r.once || r.n == len(r.buf) || errno != 0 {
			return errno != syscall.EAGAIN || r.once
		}
	}
}

// serve tries what is new, and what waits for what has become ready. The lock is not held meanwhile: what is called may
// take others, whose holders poke.
func (d *driven) serve(ready Interest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 {
		d.busy.Store(false)
		return
	}
	asked, pokes := d.asked, d.pokes
	d.asked = nil
	d.mu.Unlock()
	var kept []*request
	for _, r := range asked {
		if (!r.tried || ready&(r.want|Gone) != 0) && r.try(d) {
			r.over = true
			r.done <- struct{}{}
		} else {
			kept = append(kept, r)
		}
	}
	d.mu.Lock()
	for _, r := range kept {
		if r.given || pokes != d.pokes && !r.once {
			r.done <- struct{}{}
		} else {
			d.asked = append(d.asked, r)
		}
	}
}

// ask hands a request to the loop. When there is no loop any more it can only be called for.
func (d *driven) ask(r *request) {
	r.done = make(chan struct{}, 1)
	d.mu.Lock()
	d.asked = append(d.asked, r)
	d.busy.Store(true)
	d.mu.Unlock()
	if d.loop.post(d.conn) {
		return
	}
	if d.withdraw(r) {
		if r.errno = syscall.EBADF; r.kind == toCall {
			r.call()
		}
		r.done <- struct{}{}
	}
}

// withdraw takes a request back; false when it is finished, or will be soon.
func (d *driven) withdraw(r *request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.given = true
	if i := slices.Index(d.asked, r); i >= 0 {
		d.asked = slices.Delete(d.asked, i, i+1)
		return true
	}
	return false
}

// now has the loop do something that does not wait, and waits for it to be done.
func (d *driven) now(r *request) *request {
	r.once = true
	d.ask(r)
	<-r.done
	return r
}

// request has the loop do something that may take long. It may end early, with nothing done (ok is false): poked, the
// caller looks again at what to do.
func (d *driven) request(ctx context.Context, w *waiter, r *request) (ok bool, err error) {
	if err := w.over(ctx); err != nil {
		return false, err
	}
	if w.takePoke(r.want) {
		return false, nil
	}
	d.ask(r)
	select {
	case <-r.done:
	case <-ctx.Done():
		if !d.withdraw(r) {
			<-r.done
		}
	}
	if r.over {
		return true, nil
	}
	return r.n > 0, w.over(ctx)
}
