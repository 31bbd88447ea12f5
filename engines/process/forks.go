package process

import (
	"context"
	"net"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/raw"
)

// serveForks accepts, and gives each connection a child of fork. It is one thread, as a server in C is, which waits for
// connections and for the ends of children.
func (e *engine) serveForks(ctx context.Context) error {
	stop, errno := raw.Eventfd()
	if errno != 0 {
		return &engines.Error{Op: "serve", Err: errno}
	}
	defer raw.Close(stop)
	told := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() { raw.Notify(stop); close(told) })
	err := e.family.OnThread(func(deaths int) {
		fds := []raw.PollFd{{Events: raw.PollIn}, {Fd: int32(deaths), Events: raw.PollIn}, {Fd: int32(stop), Events: raw.PollIn}}
		for ctx.Err() == nil && e.forkNext(ctx, fds) {
		}
	})
	if !unhook() {
		<-told // it has the descriptor still
	}
	return err
}

// forkNext serves the next connection, or waits for one; false is the end of the listener.
func (e *engine) forkNext(ctx context.Context, fds []raw.PollFd) bool {
	e.family.Attend()
	c, err := e.ln.Accept()
	switch {
	case err == net.ErrClosed:
		return false
	case err == nil:
		if err := e.fork(c); err != nil && ctx.Err() == nil {
			e.ln.Refuse(c, "no process for the connection: "+err.Error())
		} else if err != nil {
			c.Close()
		}
		return true
	}
	limit := e.ln.Pause()
	if fds[0].Fd = -1; limit == 0 { // else there is no room for a connection, and nobody asks whether one waits
		fds[0].Fd, limit = int32(e.ln.Fileno()), -1
	}
	e.ln.Counters().Syscalls.Add(1)
	if _, errno := raw.Poll(fds, limit); errno == 0 && fds[0].Fd >= 0 && fds[0].Revents != 0 {
		e.ln.Counters().Wakeups.Add(1)
	}
	return true
}

// fork serves a connection by a child that is a copy of this process.
func (e *engine) fork(c *engines.Conn) error {
	w, err := e.work()
	if err != nil {
		return err
	}
	e.ln.Counters().Processes.Add(1)
	if _, err := e.family.Fork(c.Fileno(), e.recipe.Bare == "discard", w); err != nil {
		e.undo(w)
		return err
	}
	e.passed(c)
	return nil
}
