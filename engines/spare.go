package engines

import (
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
)

// A spare is the wake-up of the next connection, made before that is accepted. Otherwise a burst of connections could take
// every descriptor there is, and none of them would get the second one that it needs to be served, and so to end. One
// goroutine accepts; a nil spare makes nothing.
type spare struct {
	fd   int
	made bool
}

// WakeUps makes every connection that is accepted from now on come with the wake-up that Flow needs for event handlers
// where it does not Park. While there is no descriptor for both, connections wait in the kernel's queue.
func (ln *Listener) WakeUps() { ln.spare = &spare{} }

func (s *spare) make() syscall.Errno {
	if s == nil || s.made {
		return 0
	}
	fd, errno := raw.Eventfd()
	s.fd, s.made = fd, errno == 0
	return errno
}

func (s *spare) give(c *Conn) {
	if s != nil && s.made {
		c.waiting().wake.adopt(s.fd)
		s.made = false
	}
}

func (s *spare) close() {
	if s != nil && s.made {
		raw.Close(s.fd)
		s.made = false
	}
}
