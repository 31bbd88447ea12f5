package sock

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// A process is the network that a running process is in, a container's for one. To look into another network than one's
// own takes the rights of root.
type process int

var _ engines.Place = process(0)

// Name is how people call it.
func (p process) Name() string { return "pid " + strconv.Itoa(int(p)) }

// Socket makes a socket there.
func (p process) Socket(family, typ, proto int) (fd int, err error) {
	fd = -1
	err = p.inside(func() (err error) {
		fd, err = engines.Here{}.Socket(family, typ, proto)
		return err
	})
	return fd, err
}

// Open opens a file of that network's state.
func (p process) Open(name string) (f *os.File, err error) {
	clean := path.Clean(name)
	if rest, ok := strings.CutPrefix(clean, "/proc/net/"); ok {
		clean = "/proc/thread-self/net/" + rest // /proc/net is that of the whole process
	} else if !strings.HasPrefix(clean, "/proc/sys/net/") {
		return nil, &os.PathError{Op: "open", Path: name, Err: unix.EACCES}
	}
	err = p.inside(func() (err error) {
		f, err = os.Open(clean)
		return err
	})
	return f, err
}

// Allow allows every address: nothing is opened there but to look.
func (p process) Allow(netip.Addr) error { return nil }

// inside calls do on a thread that has moved into the process's network, and ends the thread with it: it is not to be
// mistaken for one that is at home.
func (p process) inside(do func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", int(p)))
	if err != nil {
		return p.fate(err)
	}
	defer ns.Close()
	done := make(chan error, 1)
	lua.Go("sock: "+p.Name(), func(err error) { done <- err }, func() {
		runtime.LockOSThread() // and never back
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- p.fate(err)
			return
		}
		done <- do()
	})
	return <-done
}

// fate is why the network cannot be looked into, in words.
func (p process) fate(err error) error {
	code, message := lua.CodeOf(err)
	switch code {
	case "ENOENT", "ESRCH":
		code, message = "ESRCH", fmt.Sprintf("there is no process %d", int(p))
	case "EPERM", "EACCES":
		message = fmt.Sprintf("looking into the network of process %d takes root's rights", int(p))
	}
	return &lua.Fault{Code: code, Message: message, Err: err}
}
