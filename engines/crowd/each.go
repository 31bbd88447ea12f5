package crowd

import (
	"context"
	"errors"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A job is a connection on which something is not done yet.
type job struct {
	slot int32
	left int32 // bytes
}

// each does something on every open connection of a part, and says on how many it was done. Step does what does not
// wait: EAGAIN asks for another go when there is what is wanted. It ends with ctx; what was not done by its deadline counts
// as timed out.
func (k *keeper) each(ctx context.Context, p Part, want uint32, left int, step func(fd int, j *job) syscall.Errno) (ok int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(k.ctx, cancel)()
	r := &round{k: k, step: step}
	k.mu.RLock()
	for i := p.First; i <= p.Last; i++ {
		if i%sweep == 0 && ctx.Err() != nil {
			break
		}
		if fd := k.slots[i]; fd >= 0 {
			j := job{int32(i), int32(left)}
			if r.try(fd, &j) {
				r.jobs = append(r.jobs, j)
			}
		}
	}
	k.mu.RUnlock()
	r.settle()
	if len(r.jobs) > 0 {
		r.wait(ctx, want)
	}
	return r.ok
}

// A round is one doing of something on many connections.
type round struct {
	k      *keeper
	step   func(fd int, j *job) syscall.Errno
	jobs   []job
	ok     int
	failed []failure
}

type failure struct {
	slot  int
	fd    int32
	errno syscall.Errno
}

// try does what can be done now; true is that there is more to do. k.mu is held for reading.
func (r *round) try(fd int32, j *job) (more bool) {
	switch errno := r.step(int(fd), j); errno {
	case 0:
		r.ok++
	case syscall.EAGAIN:
		return true
	default:
		r.failed = append(r.failed, failure{int(j.slot), fd, errno})
	}
	return false
}

// settle counts what has failed. A connection that is of no use any more is closed.
func (r *round) settle() {
	if len(r.failed) == 0 {
		return
	}
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	for _, f := range r.failed {
		switch f.errno {
		case syscall.EPIPE, syscall.ENOTCONN, syscall.EINVAL, syscall.EMFILE, syscall.ETIMEDOUT, endOfStream:
			r.k.errors[f.errno]++
		default:
			r.k.fail(f.slot, f.fd, f.errno)
		}
	}
	r.failed = r.failed[:0]
}

// wait does the rest as it becomes possible.
func (r *round) wait(ctx context.Context, want uint32) {
	k := r.k
	w, errno := newWaiting(k)
	if errno != 0 {
		r.giveUp(errno)
		return
	}
	defer w.close()
	defer context.AfterFunc(ctx, func() { raw.Notify(w.wake) })()
	k.mu.RLock()
	for i := range r.jobs {
		r.arm(w, i, want)
	}
	left := r.rest()
	k.mu.RUnlock()
	r.settle()
	for left > 0 {
		if ctx.Err() != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				r.giveUp(syscall.ETIMEDOUT)
			}
			return
		}
		events, roused := w.next(-1)
		k.mu.RLock()
		for _, ev := range events {
			j := &r.jobs[ev.Fd]
			if j.slot < 0 || k.slots[j.slot] < 0 {
				continue
			}
			if r.try(k.slots[j.slot], j) && r.arm(w, int(ev.Fd), want) {
				continue
			}
			j.slot = -1
			left--
		}
		if roused {
			left = r.rest()
		}
		k.mu.RUnlock()
		r.settle()
	}
}

// arm waits for a connection; false is one for which that is not possible. k.mu is held.
func (r *round) arm(w *waiting, i int, want uint32) bool {
	fd := r.k.slots[r.jobs[i].slot]
	if fd >= 0 {
		errno := w.arm(int(fd), i, want)
		if errno == 0 {
			return true
		}
		r.failed = append(r.failed, failure{int(r.jobs[i].slot), fd, errno})
	}
	r.jobs[i].slot = -1
	return false
}

// rest is how many connections there still are to wait for; k.mu is held, or nobody else is there.
func (r *round) rest() (n int) {
	for i := range r.jobs {
		j := &r.jobs[i]
		switch {
		case j.slot < 0:
		case r.k.slots[j.slot] < 0:
			j.slot = -1
		default:
			n++
		}
	}
	return n
}

// giveUp counts the jobs that are left with an error.
func (r *round) giveUp(errno syscall.Errno) {
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	r.k.errors[errno] += r.rest()
}

// send sends data on each.
func (k *keeper) send(ctx context.Context, p Part, data []byte) int {
	return k.each(ctx, p, syscall.EPOLLOUT, len(data), func(fd int, j *job) syscall.Errno {
		for j.left > 0 {
			n, errno := raw.Send(fd, data[len(data)-int(j.left):])
			if errno != 0 {
				return errno
			}
			j.left -= int32(n)
		}
		return 0
	})
}

// recv receives n bytes on each, and drops them.
func (k *keeper) recv(ctx context.Context, p Part, n int) int {
	buf := make([]byte, min(n, 64<<10))
	return k.each(ctx, p, syscall.EPOLLIN, n, func(fd int, j *job) syscall.Errno {
		for j.left > 0 {
			n, errno := raw.Recv(fd, buf[:min(len(buf), int(j.left))], 0)
			switch {
			case errno != 0:
				return errno
			case n == 0:
				return endOfStream
			}
			j.left -= int32(n)
		}
		return 0
	})
}
