package child

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// FdSocket is the descriptor on which a process that Spawn has started talks with its parent: see package pass.
const FdSocket = fdSocket

// Spawn starts this program again in a role that makes no Apps and has a language of its own. Hear gets what it says, a
// message at a time, with the descriptors that came, which are the hearer's; the message is valid only during the call.
func (f *Family) Spawn(args []string, hear func(message []byte, fds []int)) (*Child, error) {
	c := &Child{family: f, ready: make(chan struct{}), ended: make(chan struct{}), hearer: hear}
	if err := f.make(c, func() error { return c.exec(args) }); err != nil {
		return nil, err
	}
	return c, nil
}

// Send says something to a process that Spawn has started. It waits while the process does not listen.
func (c *Child) Send(message []byte, fds ...int) error { return c.send(message, fds...) }

// Spawned is what a role that Spawn starts does first. It says whether the process was started so: somebody may type the
// role's name.
func Spawned() bool {
	kind, err := unix.GetsockoptInt(fdSocket, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return false
	}
	unix.CloseOnExec(fdSocket)
	unix.Close(fdTable)
	os.WriteFile("/proc/self/comm", []byte("nsh"), 0) // it was started as /proc/self/exe, and ps(1) would show exe
	return true
}

// End ends a process that Spawn has started: it has nothing that it could lose.
func (c *Child) End() {
	c.mu.Lock()
	c.told = true
	c.mu.Unlock()
	c.Kill(syscall.SIGKILL)
}
