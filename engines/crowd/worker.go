package crowd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"github.com/nsh-lab/nsh/internal/pass"
	"github.com/nsh-lab/nsh/internal/raw"
)

// Worker is the process that holds a part of a crowd; it gives the exit code. It ends with its parent, whose socket it
// reads, and all its connections with it.
func Worker() int {
	if !child.Spawned() {
		fmt.Fprintln(os.Stderr, "nsh: this role is for nsh itself to start")
		return 2
	}
	w := &worker{calls: map[int]context.CancelFunc{}}
	buf := make([]byte, 64<<10)
	for {
		n, fds, err := pass.Receive(child.FdSocket, buf)
		if err != nil {
			return 1
		}
		var m request
		if json.Unmarshal(buf[:n], &m) != nil {
			return 1
		}
		w.obey(m, fds)
	}
}

// A worker is that process at work.
type worker struct {
	keep    *keeper
	sending sync.Mutex
	mu      sync.Mutex
	calls   map[int]context.CancelFunc
	stock   []int         // sockets from the parent
	asked   int           // sockets that it has been asked for
	none    syscall.Errno // why it has none
}

// obey does what the parent wants.
func (w *worker) obey(m request, fds []int) {
	switch {
	case m.Cancel:
		w.mu.Lock()
		if cancel := w.calls[m.ID]; cancel != nil {
			cancel()
		}
		w.mu.Unlock()
	case m.Sockets:
		w.mu.Lock()
		w.stock = append(w.stock, fds...)
		w.asked -= len(fds)
		w.none = syscall.Errno(m.Errno)
		w.mu.Unlock()
		w.keep.mu.RLock()
		w.keep.rouse()
		w.keep.mu.RUnlock()
	case m.Open != nil && w.keep == nil:
		o := *m.Open
		w.keep = newKeeper(o.N, func(family int) (int, error) {
			return engines.Here{}.Socket(family, syscall.SOCK_STREAM, 0)
		})
		if o.Asks {
			w.keep.socket = w.socket
		}
		w.run(m.ID, func(ctx context.Context) answer {
			w.keep.open(ctx, o, func(s Stats) { w.say(reply{ID: m.ID, Answer: answer{Stats: s}}) })
			w.returnStock()
			return answer{Stats: w.keep.stats(Part{0, o.N - 1})}
		})
	case m.Op != nil && w.keep != nil:
		if m.Data {
			data, err := recall(fds[0])
			if err != nil {
				os.Exit(1)
			}
			m.Op.Data = data
		}
		w.run(m.ID, func(ctx context.Context) answer {
			a, _ := w.keep.do(ctx, *m.Op)
			return a
		})
	default:
		os.Exit(1)
	}
}

// run does something beside what else goes on, and sends the answer.
func (w *worker) run(id int, f func(context.Context) answer) {
	ctx, cancel := context.WithCancel(context.Background())
	w.mu.Lock()
	w.calls[id] = cancel
	w.mu.Unlock()
	engines.Go("a worker's task", func() error {
		a := f(ctx)
		w.mu.Lock()
		delete(w.calls, id)
		w.mu.Unlock()
		cancel()
		if a.fd > 0 {
			w.say(reply{ID: id, Done: true, Answer: a}, a.fd)
			raw.Close(a.fd) // it is the parent's now
			return nil
		}
		w.say(reply{ID: id, Done: true, Answer: a})
		return nil
	}, func(err error) {
		if err != nil {
			os.Exit(1)
		}
	})
}

func (w *worker) say(m reply, fds ...int) {
	w.sending.Lock()
	defer w.sending.Unlock()
	if pass.Send(child.FdSocket, encode(m), fds...) != nil {
		os.Exit(1) // nobody listens any more
	}
}

// stocked is how many sockets from the parent are kept at hand.
const stocked = 256

// socket gives a socket that the parent has made.
func (w *worker) socket(int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stock)+w.asked < stocked/2 && w.none == 0 {
		w.asked += stocked
		w.say(reply{Need: stocked})
	}
	n := len(w.stock)
	switch {
	case n > 0:
		fd := w.stock[n-1]
		w.stock = w.stock[:n-1]
		return fd, nil
	case w.none != 0:
		return -1, w.none
	}
	return -1, syscall.EAGAIN
}

// returnStock closes the sockets that were not needed.
func (w *worker) returnStock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	pass.Close(w.stock)
	w.stock = nil
}
