package lab

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

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
