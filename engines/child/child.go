package child

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// A Child is a process of a Family's.
type Child struct {
	family *Family
	pid    int
	pidfd  *os.File
	socket *os.File // nil for a child of Fork, which says nothing
	words  *os.File // where its standard output and error go: what Go's runtime says when it gives up
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
	Gone  func(*Child) // it has ended, and all it had to say has been heard
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
	if idle || c.socket == nil { // it has done nothing yet, or keeps nothing that could be lost
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

// listen hears messages until the child closes its end.
func (c *Child) listen() {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, mostMessage)
	for {
		var n int
		var fds []int
		waited := raw.Read(func(fd uintptr) bool {
			n, fds, err = pass.Receive(int(fd), buf)
			return err != unix.EAGAIN
		})
		pass.Close(fds) // a child sends none
		if errors.Is(err, unix.ECONNRESET) {
			continue // it ended with messages of ours unread; its own are still there
		}
		if err != nil || waited != nil {
			return
		}
		c.hear(buf[0], buf[1:n])
	}
}

func (c *Child) hear(kind byte, body []byte) {
	c.mu.Lock()
	w := c.work
	if kind == msgReady && !c.said {
		c.said = true
		close(c.ready)
	}
	c.mu.Unlock()
	switch {
	case w == nil:
	case kind == msgFail:
		w.Fail(string(body))
	case kind == msgLog:
		w.Log(string(body))
	case kind == msgTell && w.Heard != nil && len(body) > 0:
		w.Heard(body[0], body[1:])
	}
}

// order gives the child a descriptor to serve, and what was packed.
func (c *Child) order(kind byte, fd int, packed []byte, limit int) error {
	p, err := parcel(packed)
	if err != nil {
		return err
	}
	defer p.Close()
	return c.send(order{c.work.Row, limit}.encode(kind), fd, int(p.Fd()))
}

// Connection gives the child a connection to serve.
func (c *Child) Connection(fd int, packed []byte, limit int) error {
	return c.order(msgConn, fd, packed, limit)
}

// Listener gives the child a listener to accept from.
func (c *Child) Listener(fd int, packed []byte, limit int) error {
	return c.order(msgServe, fd, packed, limit)
}

func (c *Child) send(message []byte, fds ...int) error {
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	waited := raw.Write(func(fd uintptr) bool {
		err = pass.Send(int(fd), message, fds...)
		return err != unix.EAGAIN
	})
	return errors.Join(err, waited)
}

func (c *Child) close() {
	c.pidfd.Close()
	if c.socket != nil {
		c.socket.Close()
	}
	if c.words != nil {
		c.words.Close()
	}
}
