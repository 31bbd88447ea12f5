package engines

import "github.com/nsh-lab/nsh/internal/raw"

// ForWorker is the same listener with the counters of worker i, from 0.
func (ln *Listener) ForWorker(i int) *Listener {
	ln.hub.mu.Lock()
	defer ln.hub.mu.Unlock()
	return &Listener{shared: ln.shared, count: ln.hub.worker(i)}
}

// Another is a second listening socket on the same address, with a queue of its own, for worker i. The kernel spreads
// new connections over all of them by a hash of their addresses (SO_REUSEPORT, socket(7)). It is closed with the first.
func (ln *Listener) Another(i int) (*Listener, error) {
	fd, err := bind(ln.cfg, ln.addr)
	if err != nil {
		return nil, err
	}
	h := ln.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listener(fd, ln.cfg, h.worker(i)), nil
}

// ReusePort says whether the listener was bound so that there can be Another.
func (ln *Listener) ReusePort() bool { return ln.cfg.ReusePort }

// worker is the counters of worker i; h.mu is held.
func (h *hub) worker(i int) *Counters {
	for len(h.workers) <= i {
		h.workers = append(h.workers, new(Counters))
	}
	return h.workers[i]
}

// Close stops listening. It is called by the engine, when nothing waits for the listener any more.
func (ln *Listener) Close() error {
	ln.spare.close()
	ln.hub.mu.Lock()
	all := ln.hub.listeners
	ln.hub.mu.Unlock()
	for _, s := range all {
		s.close()
	}
	return nil
}

func (ln *shared) close() {
	ln.once.Do(func() {
		ln.closed.Store(true)
		ln.wait.closed.Store(true)
		switch {
		case ln.wait.close():
		case ln.socket != nil:
			ln.socket.closeDescriptor() // once those who answer now have done so
		default:
			raw.Close(ln.fd)
		}
		ln.unlink()
		if ln == ln.hub.listeners[0] {
			ln.hub.drop()
		}
	})
}
