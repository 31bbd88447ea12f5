package child

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Child is a process of a Family's.
type Child struct {
	family *Family
	pid    int
	pidfd  *os.File
	socket *os.File                        // nil for a child of Fork, which says nothing
	bare   bool                            // a child of ForkWorker
	bareFd int                             // the pidfd of a child of Fork, which has no os.File for it
	words  *os.File                        // where its standard output and error go: what Go's runtime says when it gives up
	hearer func(message []byte, fds []int) // of a child of Spawn
	ready  chan struct{}
	ended  chan struct{}
	how    unix.WaitStatus
	why    string

	mu   sync.Mutex
	said bool  // that it is ready
	over bool  // it has ended
	told bool  // to end
	work *Work // nil until it has something to do
}

// Work is what a child does, and who hears of it.
type Work struct {
	Row   int
	Heard func(kind byte, data []byte)
	Fail  func(text string) // an error that the child has counted
	Log   func(text string)
	// Of a child of ForkWorker: a connection's error, and that of an accept.
	Blame, Refused func(syscall.Errno)
	Gone           func(*Child) // it has ended, and all it had to say has been heard
}

// Engage gives a child work, of which Connection or Listener is to be the first; false is a child that has ended.
func (c *Child) Engage(w *Work) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.work = w
	return true
}

// Dismiss takes the work back that a child was not given after all; false is a child that has ended, whose Gone is
// called, or was.
func (c *Child) Dismiss() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.work = nil
	}
	return !c.over
}

// Pid is the process's number.
func (c *Child) Pid() int { return c.pid }

// Ready is closed when the child can be given something to do.
func (c *Child) Ready() <-chan struct{} { return c.ready }

// Ended is closed when the process has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Kill sends a signal. A number that is another process's by now is no danger: the signal goes by way of the pidfd.
func (c *Child) Kill(s syscall.Signal) {
	if c.pidfd == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.over {
			unix.PidfdSendSignal(c.bareFd, s, nil, 0)
		}
		return
	}
	if raw, err := c.pidfd.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.PidfdSendSignal(int(fd), s, nil, 0) })
	}
}

// stop asks the child to end.
func (c *Child) stop() {
	c.mu.Lock()
	c.told = true
	c.mu.Unlock()
	c.mu.Lock()
	idle := c.work == nil
	c.mu.Unlock()
	if idle || c.bare || c.socket == nil { // it has done nothing yet, or keeps nothing that could be lost
		c.Kill(syscall.SIGKILL)
		return
	}
	c.send([]byte{msgStop})
}

// Why is what a person should know of the child's end: "" when it was an orderly one.
func (c *Child) Why() string { return c.why }

func (c *Child) explain() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.told:
		return ""
	case c.how.Signaled():
		return fmt.Sprintf("was killed (%s)", unix.SignalName(c.how.Signal()))
	case c.lastWords() != "":
		return "ended: " + c.lastWords()
	}
	return ""
}

// Signal is what has killed it, or 0.
func (c *Child) Signal() syscall.Signal {
	if c.how.Signaled() {
		return c.how.Signal()
	}
	return 0
}

// Code is its exit code, or -1 if it was killed.
func (c *Child) Code() int { return c.how.ExitStatus() }

// lastWords are the first line of what Go's runtime wrote, which is all there is on the standard error of a child.
func (c *Child) lastWords() string {
	if c.words == nil {
		return ""
	}
	buf := make([]byte, 400)
	n, _ := c.words.ReadAt(buf, 0)
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return line
}

// attend hears what the child says until it ends, and waits for the end.
func (c *Child) attend() {
	if c.socket != nil {
		c.listen()
	}
	raw, err := c.pidfd.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool { return c.outcome(int(fd)) })
	}
	if err != nil { // not a thing that happens; a blocking wait is as true
		c.outcome(-1)
	}
	c.why = c.explain()
	c.family.bury(c.pid)
}

// outcome says whether the process has ended, and notes how. It does not reap it.
func (c *Child) outcome(fd int) bool {
	// The kernel's siginfo_t for SIGCHLD (sigaction(2)).
	var info struct {
		signo, errno, code int32
		_                  int32
		pid                int32
		uid                uint32
		status             int32
		_                  [100]byte
	}
	kind, id, flags := unix.P_PIDFD, fd, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG
	if fd < 0 {
		kind, id, flags = unix.P_PID, c.pid, unix.WEXITED|unix.WNOWAIT
	}
	for {
		err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), flags, nil)
		if err == unix.EINTR {
			continue
		}
		if err == nil && info.pid == 0 {
			return false
		}
		break
	}
	const exited = 1 // CLD_EXITED; the others are signals
	c.how = unix.WaitStatus(info.status & 0x7f)
	if info.code == exited {
		c.how = unix.WaitStatus((info.status & 0xff) << 8)
	}
	return true
}

func (c *Child) close() {
	if c.pidfd == nil {
		unix.Close(c.bareFd)
		return
	}
	c.pidfd.Close()
	if c.socket != nil {
		c.socket.Close()
	}
	if c.words != nil {
		c.words.Close()
	}
}
