package fence

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// Options say how the child is to live.
type Options struct {
	Root   Root
	Limits Limits
}

// A Root says what a child sees of the machine's files.
type Root int

const (
	NoFiles  Root = iota // nothing
	Programs             // what programs need to run, to read only: no data, no folder where sockets lie
	AllFiles             // what the user sees
)

// Inside is what a child finds behind the fence.
type Inside struct {
	Stderr *os.File // the person's
	Script *os.File // nil if none was handed over
	Files  *Asker   // asks the parent to open
	alive  *os.File
}

// Socket is this end of the socket to the parent, for a child that is not there to run a script.
func (in *Inside) Socket() int { return in.Files.socket }

// Enter makes the child's new namespaces what they are to be: loopback up, a /proc that shows its own processes, a root
// without the machine's files, limits. The parent's Ready hears how it went.
func Enter(o Options) (*Inside, error) {
	for fd := fdStderr; fd <= fdScript; fd++ {
		unix.CloseOnExec(fd)
	}
	in := &Inside{
		Stderr: os.NewFile(fdStderr, "/dev/stderr"),
		Files:  &Asker{socket: fdAsk},
		alive:  os.NewFile(fdAlive, "alive"),
	}
	if _, err := unix.FcntlInt(fdScript, unix.F_GETFD, 0); err == nil {
		in.Script = os.NewFile(fdScript, "script")
	}
	if in.Stderr == nil || in.alive == nil || unix.Getpid() != 1 {
		return nil, errors.New("this is for nsh itself to start")
	}
	err := enter(o)
	if err != nil {
		pass.Send(fdAsk, append([]byte{msgFailed}, err.Error()...))
		return nil, err
	}
	os.WriteFile("/proc/self/comm", []byte("nsh"), 0) // it was started as /proc/self/exe, and ps(1) would show exe
	return in, pass.Send(fdAsk, []byte{msgReady})
}

func enter(o Options) error {
	_ = time.Now().Local().String() // reads the time zone, which is a file, while there are files
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bringing up the loopback device: %w", err)
	}
	allowEchoes()
	if err := o.Limits.Apply(); err != nil {
		return fmt.Errorf("setting limits: %w", err)
	}
	// What is mounted here must not appear outside, which is what a shared mount would do.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("taking the mounts apart: %w", err)
	}
	if o.Root == AllFiles {
		return freshProc("/proc")
	}
	return ownRoot(o.Root)
}

// loopbackUp sets IFF_UP; the addresses 127.0.0.1 and ::1 come by themselves.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}

// allowEchoes lets this group send echo requests (icmp(7)); a new network lets nobody. Where the machine's /proc/sys cannot
// be written to it stays so, and a ping says why.
func allowEchoes() {
	group := fmt.Sprint(unix.Getegid(), unix.Getegid())
	os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(group), 0)
}

// Watch returns when the parent is gone; then this process is to end. It is the third string: the namespace of
// processes and the signal at the parent's death are not enough, for the parent may die before that signal is ordered.
func (in *Inside) Watch() {
	one := make([]byte, 1)
	for {
		if _, err := in.alive.Read(one); err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// ErrDied says that the child ended before it was behind the fence, though nothing forbade that it gets there: somebody
// killed it.
var ErrDied = errors.New("the process for it ended too early")

// Ready waits until the child is behind the fence, or says why it is not.
func (c *Child) Ready() error {
	const patience = 20 // seconds: a loaded machine is slow, but not for ever
	unix.SetsockoptTimeval(c.ask, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience})
	buf := make([]byte, mostPath)
	n, fds, err := pass.Receive(c.ask, buf)
	unix.SetsockoptTimeval(c.ask, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{})
	switch {
	case fds != nil:
		pass.Close(fds)
		return syscall.EPROTO
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDied, err)
	case n > 0 && buf[0] == msgReady:
		return nil
	case n > 0 && buf[0] == msgFailed:
		return errors.New(string(buf[1:n]))
	}
	return syscall.EPROTO
}
