// Package fence starts this program again in namespaces of its own: user, process, mount, network, IPC and host name.
// What runs inside sees no other process, no file but what its parent hands it, and a network of one loopback device
// with every counter at zero. No root is needed, nothing gets a name outside, and all of it is gone when the process is.
//
// The parent calls Start, then Ready, then Serve and Wait; the child calls Enter before it does anything else.
package fence

import (
	"os"
	"syscall"
)

// The descriptors that the child is started with, beside its standard ones. Its descriptor 2 is not the person's
// standard error but a pipe to the parent: what Go's runtime writes when it gives up says there why the child died,
// and the parent can put it in words.
const (
	fdStderr = 3 + iota // the person's standard error
	fdAsk               // a socket on which the child asks its parent to open files
	fdAlive             // a pipe that ends when the parent does
	fdScript            // the script, if there is one
)

// A Config says what is started.
type Config struct {
	Args   []string // the arguments of this program, started again
	Env    []string // its environment; nothing of the parent's is added
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
	Script *os.File // handed over as it is; nil is none
}

// A Child is a process behind the fence, as its parent has it.
type Child struct {
	process *os.Process
	ask     int      // the parent's end of the socket
	alive   *os.File // the end of the pipe that nobody writes to
	crash   *os.File // what the child's runtime says when it dies
}

// Signal sends the child a signal. It is the first process of its namespace: of those that it does not handle, only
// SIGKILL and SIGSTOP have an effect.
func (c *Child) Signal(s syscall.Signal) error { return c.process.Signal(s) }

// Pid is the child's number in the parent's namespace.
func (c *Child) Pid() int { return c.process.Pid }

// Socket is the parent's end of the socket to the child, for a child that is asked rather than asks.
func (c *Child) Socket() int { return c.ask }

// Wait waits for the end of the child, and so of everything that it has started, for those die with the first process
// of their namespace.
func (c *Child) Wait() (*os.ProcessState, error) { return c.process.Wait() }

// Close gives back what the parent holds. A child that still runs ends.
func (c *Child) Close() {
	c.alive.Close()
	c.crash.Close()
	syscall.Close(c.ask)
}
