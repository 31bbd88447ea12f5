package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// ErrGone says that the laboratory's process has ended.
var ErrGone = errors.New("the laboratory is gone")

// A Process is a laboratory's process, as its owner has it.
type Process struct {
	child *fence.Child
	file  *os.File // the socket, in Go's poller
	raw   syscall.RawConn
	done  chan struct{} // closed when the process has ended, and nothing of it is left in this one but what is kept
	kept  int           // its deposit; -1 when that is given back

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan answer
	gone    bool
}

type answer struct {
	reply Reply
	fd    int
}

// Start starts a laboratory's process: this program, with the arguments of its role. It has ended at the latest when
// this process has.
func Start(role string, spawn Spawn) (*Process, error) {
	type started struct {
		child *fence.Child
		err   error
	}
	ready := make(chan started, 1)
	p := &Process{done: make(chan struct{}), kept: -1, waiting: map[uint64]chan answer{}}
	received := make(chan struct{})
	// The kernel kills the process when the thread that started it ends, so a goroutine of its own stays on that thread.
	spawn("laboratory's process", func() {
		child, err := start(role)
		ready <- started{child, err}
		if err != nil {
			return
		}
		child.Wait()
		<-received
		child.Close()
		close(p.done)
	})
	s := <-ready
	if s.err != nil {
		return nil, s.err
	}
	p.child = s.child
	err := p.attach()
	spawn("laboratory's answers", func() {
		defer close(received)
		if err == nil {
			p.receive()
		}
		p.child.Signal(syscall.SIGKILL)
		p.close()
	})
	if err == nil {
		err = p.keep()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// keep takes the deposit over.
func (p *Process) keep() error {
	fd, err := p.Descriptor(context.Background(), Request{Deposit: &Deposit{}})
	if errors.Is(err, ErrGone) {
		return fence.ErrDied
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.kept = last(fd)
	p.mu.Unlock()
	return nil
}

func start(role string) (*fence.Child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	child, err := fence.Start(fence.Config{Args: []string{role}, Stdin: null, Stdout: null, Stderr: null, Env: environment()})
	if err != nil {
		return nil, err
	}
	if err := child.Ready(); err != nil {
		child.Signal(syscall.SIGKILL)
		child.Wait()
		child.Close()
		return nil, err
	}
	return child, nil
}

// environment is what Go's runtime in the process is told of this one's, and nothing else.
func environment() (some []string) {
	for _, name := range []string{"GODEBUG", "GORACE", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			some = append(some, name+"="+value)
		}
	}
	return some
}

// attach puts the socket into Go's poller, so that waiting for an answer costs no thread.
func (p *Process) attach() error {
	fd, err := unix.FcntlInt(uintptr(p.child.Socket()), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	p.file = os.NewFile(uintptr(fd), "laboratory")
	p.raw, err = p.file.SyscallConn()
	return err
}

// receive hands out answers until the process is gone, or says what cannot be read.
func (p *Process) receive() {
	buf := make([]byte, mostMessage)
	for {
		var n int
		var fds []int
		var err error
		waited := p.raw.Read(func(fd uintptr) bool {
			n, fds, err = pass.Receive(int(fd), buf)
			return err != unix.EAGAIN
		})
		if waited != nil || err != nil {
			return
		}
		a := answer{fd: -1}
		if err := decode(buf[:n], &a.reply); err != nil || len(fds) > 1 {
			pass.Close(fds)
			return
		}
		if len(fds) == 1 {
			a.fd = fds[0]
		}
		p.deliver(a)
	}
}

// deliver gives an answer to who waits for it; nobody does when they were cancelled meanwhile.
func (p *Process) deliver(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch := p.waiting[a.reply.ID]; ch != nil {
		select {
		case ch <- a:
			return
		default:
		}
	}
	if a.fd >= 0 {
		unix.Close(a.fd)
	}
}

// close ends all that wait.
func (p *Process) close() {
	p.mu.Lock()
	p.gone = true
	for _, ch := range p.waiting {
		close(ch)
	}
	p.waiting = nil
	p.mu.Unlock()
	if p.file != nil {
		p.file.Close()
	}
}

// Close ends the process and everything in it; when it returns, that has happened. The networks go when the sockets have
// gone that were handed out, and this is called: close those before.
func (p *Process) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	p.Do(ctx, Request{Abort: &Abort{}})
	cancel()
	p.child.Signal(syscall.SIGKILL)
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept >= 0 {
		unix.Close(p.kept)
		p.kept = -1
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Pid is the process's number.
func (p *Process) Pid() int { return p.child.Pid() }

// Hosts is the text of /etc/hosts for names and their addresses.
func Hosts(rows [][2]string) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s\n", r[1], r[0])
	}
	return b.String()
}
