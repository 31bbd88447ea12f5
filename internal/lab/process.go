package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// A Spawn runs f on a goroutine that survives a panic.
type Spawn func(name string, f func())

// Run is the laboratory's process, and gives its exit code. It has one thread that moves from one host's network to the
// other's; what waits for programs to end is beside it.
func Run(spawn Spawn) int {
	runtime.LockOSThread()
	in, err := fence.Enter(fence.Options{Root: fence.Programs})
	if err != nil {
		return 1
	}
	spawn("owner", func() {
		in.Watch()
		os.Exit(0)
	})
	p := &process{socket: in.Socket()}
	if p.ground, err = newGround(spawn); err != nil {
		return 1
	}
	p.programs = newPrograms(p.ended)
	spawn("programs", p.programs.reap)
	return p.serve()
}

// process is the laboratory's process at work.
type process struct {
	socket   int
	sending  sync.Mutex
	ground   *ground
	programs *programs
}

// serve answers until the owner is gone. A request that cannot be read ends it: its owner is nsh, or nobody.
func (p *process) serve() int {
	buf := make([]byte, mostMessage)
	for {
		n, fds, err := pass.Receive(p.socket, buf)
		if err != nil {
			return 0
		}
		var r Request
		if err := decode(buf[:n], &r); err != nil {
			pass.Close(fds)
			return 1
		}
		reply, fd, err := p.do(&r, fds)
		pass.Close(fds)
		if err != nil {
			fail(&reply, err)
		}
		reply.ID = r.ID
		err = p.send(reply, fd)
		if fd >= 0 {
			unix.Close(fd)
		}
		if err != nil {
			return 0
		}
	}
}

func (p *process) send(reply Reply, fd int) error {
	data, err := encode(reply)
	if err != nil {
		data, _ = encode(Reply{ID: reply.ID, Errno: int(unix.EMSGSIZE), Error: err.Error()})
	}
	p.sending.Lock()
	defer p.sending.Unlock()
	if fd >= 0 {
		return pass.Send(p.socket, data, fd)
	}
	return pass.Send(p.socket, data)
}

func (p *process) do(r *Request, fds []int) (reply Reply, fd int, err error) {
	switch {
	case r.Exec != nil:
		return reply, -1, p.exec(r, fds)
	case r.Kill != nil:
		p.programs.kill(r.Kill.ID)
		return reply, -1, nil
	case r.Names != nil:
		return reply, -1, os.WriteFile("/etc/hosts", []byte(r.Names.Hosts), 0o644)
	case r.Abort != nil:
		return reply, -1, p.ground.abort()
	case r.Deposit != nil:
		fd, err := p.ground.kept.take()
		return reply, fd, err
	}
	return p.ground.do(r)
}

func (p *process) exec(r *Request, fds []int) error {
	h, err := p.ground.host(r.Host)
	if err != nil {
		return err
	}
	if err := h.enter(); err != nil {
		return err
	}
	return p.programs.start(r.ID, r.Exec.Args, fds)
}

// ended tells the owner how a program ended.
func (p *process) ended(id uint64, how syscall.WaitStatus) {
	exit := &Exit{Code: how.ExitStatus()}
	if how.Signaled() {
		exit.Signal = int(how.Signal())
	}
	p.send(Reply{ID: id, Exit: exit}, -1)
}

// fail puts an error into a reply.
func fail(reply *Reply, err error) {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		reply.Errno = int(errno)
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		reply.Error, reply.Near = refusal.Text, refusal.Near
	case reply.Errno == 0:
		reply.Error = err.Error()
	}
	if reply.Errno == 0 && reply.Error == "" {
		reply.Error = fmt.Sprint(err)
	}
}
