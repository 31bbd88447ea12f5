// Package uring is the model of one flow of control that does not ask what is ready but says what it wants done:
// io_uring(7). One submission accepts connections again and again, one for each connection receives again and again,
// into buffers that the kernel takes from a common store when something has come; what has been done stands in a ring in
// shared memory. One system call hands in what is wanted, waits, and brings back what was done for many connections.
package uring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/uring"
)

// Model is the declaration.
func Model() engines.Model {
	return engines.Model{
		Name:  "uring",
		Style: "event",
		About: "io_uring(7): the kernel accepts and receives by itself, and tells what it has done; one flow for all",
		New:   func(engines.Options) (engines.Engine, error) { return new(engine), nil },
		Probe: probe,
	}
}

type engine struct {
	loop   *engines.EventLoop
	poller *poller
}

// Prepare makes the ring.
func (e *engine) Prepare(ln *engines.Listener) (err error) {
	if e.poller, err = newPoller(ln); err != nil {
		return err
	}
	e.loop, err = engines.NewEventLoop(ln, e.poller, engines.LoopOptions{Name: "io_uring_enter", Alone: true})
	return err
}

// Serve runs the loop, on the one thread that may submit.
func (e *engine) Serve(ctx context.Context, ln *engines.Listener, app engines.App) error {
	e.poller.readiness = app.Readable != nil && app.Data == nil
	return engines.ServeLoops(ctx, ln, app, e.loop)
}

// probe makes a ring as the model does, and says why it cannot.
func probe() error {
	ring, errno := uring.New(8)
	if errno != 0 {
		return refused(errno)
	}
	defer ring.Close()
	if !ring.Supports(uring.OpAccept, uring.OpRecv, uring.OpSend, uring.OpPollAdd, uring.OpAsyncCancel) {
		return errors.New("io_uring is here, but may not do all that the model needs: accept, recv, send, poll and cancel")
	}
	store, errno := ring.ProvideBuffers(2, 4096)
	if errno != 0 {
		return fmt.Errorf("io_uring takes no buffers to receive into (io_uring_register): %w", errno)
	}
	store.Free()
	return nil
}

// refused explains why there is no ring.
func refused(errno syscall.Errno) error {
	const sysctl = "/proc/sys/kernel/io_uring_disabled"
	text, _ := os.ReadFile(sysctl)
	switch disabled := strings.TrimSpace(string(text)); {
	case errno == syscall.ENOSYS:
		return fmt.Errorf("this kernel has no io_uring, or a filter for system calls (seccomp) hides it: %w", errno)
	case errno == syscall.EPERM && disabled == "2":
		return fmt.Errorf("kernel.io_uring_disabled is 2, which forbids io_uring to everybody: %w", errno)
	case errno == syscall.EPERM && disabled == "1":
		return fmt.Errorf("kernel.io_uring_disabled is 1, which leaves io_uring to CAP_SYS_ADMIN and to the group of kernel.io_uring_group: %w", errno)
	case errno == syscall.EPERM:
		return fmt.Errorf("io_uring is forbidden here, most likely by a filter for system calls (seccomp), as containers have one: %w", errno)
	case errno == syscall.EINVAL:
		return fmt.Errorf("this kernel's io_uring is older than Linux 6.1, and the model needs what came with that: %w", errno)
	case errno == syscall.ENOMEM:
		return fmt.Errorf("the kernel has no memory for an io_uring, or RLIMIT_MEMLOCK is too low for one: %w", errno)
	}
	return fmt.Errorf("io_uring_setup: %w", errno)
}
