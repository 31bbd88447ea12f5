package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

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

// A call is a request on its way.
type call struct {
	p  *Process
	id uint64
	ch chan answer
}

// send asks, and hands descriptors over.
func (p *Process) send(r Request, fds ...int) (*call, error) {
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return nil, ErrGone
	}
	p.last++
	r.ID = p.last
	c := &call{p: p, id: r.ID, ch: make(chan answer, 2)} // a program's start and its end
	p.waiting[r.ID] = c.ch
	p.mu.Unlock()
	data, err := encode(r)
	if err == nil {
		waited := p.raw.Write(func(fd uintptr) bool {
			err = pass.Send(int(fd), data, fds...)
			return err != unix.EAGAIN
		})
		err = errors.Join(err, waited)
	}
	if err != nil {
		c.end()
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, os.ErrClosed) {
			err = ErrGone
		}
		return nil, err
	}
	return c, nil
}

// wait takes the next answer.
func (c *call) wait(ctx context.Context) (answer, error) {
	select {
	case a, ok := <-c.ch:
		if !ok {
			return answer{fd: -1}, ErrGone
		}
		if a.reply.Errno != 0 || a.reply.Error != "" {
			return a, &Refusal{Errno: syscall.Errno(a.reply.Errno), Text: a.reply.Error, Near: a.reply.Near}
		}
		return a, nil
	case <-ctx.Done():
		return answer{fd: -1}, ctx.Err()
	}
}

// end says that no answer is waited for any more. What comes all the same is closed.
func (c *call) end() {
	c.p.mu.Lock()
	delete(c.p.waiting, c.id)
	c.p.mu.Unlock()
	for {
		select {
		case a, ok := <-c.ch:
			if !ok {
				return
			}
			if a.fd >= 0 {
				unix.Close(a.fd)
			}
		default:
			return
		}
	}
}

// patience is how long the process may take for one thing; it does nothing that waits.
const patience = 20 * time.Second

// Do asks for one thing. The error is a *Refusal, ErrGone, or the context's.
func (p *Process) Do(ctx context.Context, r Request) (Reply, error) {
	a, err := p.ask(ctx, r)
	if a.fd >= 0 {
		unix.Close(a.fd)
	}
	return a.reply, err
}

// Descriptor asks for a socket or an open file.
func (p *Process) Descriptor(ctx context.Context, r Request) (fd int, err error) {
	a, err := p.ask(ctx, r)
	if err == nil && a.fd < 0 {
		err = unix.EBADMSG
	}
	return a.fd, err
}

func (p *Process) ask(ctx context.Context, r Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := p.send(r)
	if err != nil {
		return answer{fd: -1}, err
	}
	defer c.end()
	return c.wait(ctx)
}

// Exec runs a program on a host and waits for its end; out and errs are its standard output and error. If the context
// ends first, so does the program.
func (p *Process) Exec(ctx context.Context, host int, args []string, out, errs *os.File) (Exit, error) {
	c, err := p.send(Request{Host: host, Exec: &Exec{args}}, int(out.Fd()), int(errs.Fd()))
	if err != nil {
		return Exit{}, err
	}
	defer c.end()
	var exit *Exit
	for started := false; !started || exit == nil; { // a short one may have ended before the word that it has started
		a, err := c.wait(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			c.kill()
			return Exit{}, err
		case err != nil:
			return Exit{}, err
		case a.reply.Exit != nil:
			exit = a.reply.Exit
		default:
			started = true
		}
	}
	return *exit, nil
}

// kill ends a program, and waits a moment until it has ended.
func (c *call) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if _, err := c.p.Do(ctx, Request{Kill: &Kill{c.id}}); err != nil {
		return
	}
	for {
		if a, err := c.wait(ctx); err != nil || a.reply.Exit != nil {
			return
		}
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
