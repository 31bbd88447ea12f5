package child

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// Start starts this program again as a child that makes Apps, and tells it Setup. It is ready a while later.
func (f *Family) Start(args []string, setup []byte) (*Child, error) {
	c := &Child{family: f, ready: make(chan struct{}), ended: make(chan struct{})}
	first, err := parcel(setup)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	if err := f.make(c, func() error { return c.exec(args) }); err != nil {
		return nil, err
	}
	if err := c.send([]byte{msgSetup}, int(first.Fd())); err != nil {
		c.Kill(syscall.SIGKILL)
		return nil, err
	}
	return c, nil
}

// exec makes the process, on the family's thread.
func (c *Child) exec(args []string) (err error) {
	ours, theirs, err := pass.Pair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	unix.SetNonblock(ours, true)
	c.socket = os.NewFile(uintptr(ours), "child")
	defer func() {
		if err != nil {
			c.socket.Close()
		}
	}()
	// What a person types is not the child's, and what a script's handler prints goes by way of the parent.
	input, w, err := os.Pipe()
	if err != nil {
		return err
	}
	w.Close()
	defer input.Close()
	if c.words, err = parcel(nil); err != nil {
		return err
	}
	pidfd := -1
	words := c.words.Fd()
	c.pid, err = syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0]}, args...), &syscall.ProcAttr{
		Env: environment(), Files: []uintptr{input.Fd(), words, words, fdSocket: theirs.Fd(), fdTable: c.family.Table.file.Fd()},
		// A group of its own: Ctrl-C at the prompt ends the line and not the servers.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	if err == nil && pidfd < 0 {
		unix.Kill(c.pid, unix.SIGKILL)
		reap(c.pid)
		err = errNoPidfd
	}
	if err != nil {
		c.words.Close()
		return err
	}
	c.watch(pidfd)
	return nil
}

var errNoPidfd = errors.New("this kernel has no pidfd_open (Linux 5.3)")

// watch lets Go's poller wait for the end of the process.
func (c *Child) watch(pidfd int) {
	unix.SetNonblock(pidfd, true)
	c.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
}

// environment is the parent's. Go would look for a limit of processors in the files of its control group, which a child
// behind a fence has none of.
func environment() []string {
	debug := "containermaxprocs=0"
	var out []string
	for _, e := range os.Environ() {
		if value, ok := strings.CutPrefix(e, "GODEBUG="); ok {
			if strings.Contains(value, debug) {
				debug = value
			} else {
				debug += "," + value
			}
			continue
		}
		out = append(out, e)
	}
	return append(out, "GODEBUG="+debug)
}

// Probe says why this machine cannot run children, or nil.
func Probe() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoPidfd, err)
	}
	unix.Close(fd)
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		return fmt.Errorf("nsh cannot start itself again: %w", err)
	}
	return nil
}
