package sock

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/tracefs"
	"github.com/nsh-lab/nsh/plugins"
)

// networkVar is set for the process that keeps a network: the test binary, started again.
const networkVar = "NSH_TEST_NETWORK"

func TestMain(m *testing.M) {
	if os.Getenv(networkVar) != "" {
		os.Exit(keepNetwork(3))
	}
	if len(os.Args) == 3 && os.Args[1] == plugins.RolePrefix+traceRole {
		os.Exit(tracefs.Run(os.Args[2]))
	}
	os.Exit(m.Run())
}

// A network is a Place of its own: a network namespace that lives in a child process, which opens what it is asked to
// and hands the descriptor over. Its counters begin at 0 and nobody else moves them.
type network struct {
	tb  testing.TB
	fd  int
	pid int

	asking sync.Mutex

	act func() error // what scripts do with it

	clients []int // connections begun
}

var _ engines.Place = (*network)(nil)

func newNetwork(tb testing.TB) *network {
	tb.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "network")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), networkVar+"=1")
	cmd.ExtraFiles, cmd.Stderr = []*os.File{theirs}, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		unix.Close(pair[0])
		tb.Skipf("no network of the test's own here: %v", err)
	}
	tb.Cleanup(func() { // the end of its requests ends it
		unix.Close(pair[0])
		cmd.Wait()
	})
	return &network{tb: tb, fd: pair[0], pid: cmd.Process.Pid}
}

// keepNetwork is the child: it brings loopback up and answers until its other end is closed.
func keepNetwork(fd int) int {
	if err := loopbackUp(); err != nil {
		fmt.Fprintln(os.Stderr, "lo:", err)
		return 1
	}
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			return 0
		}
		opened, err := answer(strings.Fields(string(buf[:n])))
		var rights []byte
		no := unix.Errno(0)
		if err != nil {
			errors.As(err, &no)
		} else if opened >= 0 {
			rights = unix.UnixRights(opened)
		}
		unix.Sendmsg(fd, []byte(strconv.Itoa(int(no))), rights, nil, 0)
		if opened >= 0 {
			unix.Close(opened)
		}
	}
}

func answer(q []string) (fd int, err error) {
	switch q[0] {
	case "socket":
		var n [3]int
		for i := range n {
			n[i], _ = strconv.Atoi(q[i+1])
		}
		return unix.Socket(n[0], n[1]|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, n[2])
	case "open":
		return unix.Open(q[1], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	return -1, os.WriteFile(q[1], []byte(strings.Join(q[2:], " ")), 0) // "write"
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

func (n *network) ask(q ...any) (fd int, err error) {
	n.asking.Lock() // one answer is for one question
	defer n.asking.Unlock()
	if err := unix.Sendmsg(n.fd, []byte(strings.TrimSuffix(fmt.Sprintln(q...), "\n")), nil, nil, 0); err != nil {
		return -1, err
	}
	buf, oob := make([]byte, 32), make([]byte, unix.CmsgSpace(4))
	size, oobn, _, _, err := unix.Recvmsg(n.fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if no, _ := strconv.Atoi(string(buf[:size])); no != 0 {
		return -1, unix.Errno(no)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) == 0 {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

func (n *network) Socket(family, typ, proto int) (int, error) {
	return n.ask("socket", family, typ, proto)
}

func (n *network) Open(path string) (*os.File, error) {
	fd, err := n.ask("open", path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (n *network) Allow(netip.Addr) error { return nil }

// set writes a sysctl of the network.
func (n *network) set(name string, value int) {
	n.tb.Helper()
	if _, err := n.ask("write", "/proc/sys/net/"+name, value); err != nil {
		n.tb.Skipf("%s cannot be set here: %v", name, err)
	}
}

func (n *network) socket(typ int) int {
	n.tb.Helper()
	fd, err := n.Socket(unix.AF_INET, typ, 0)
	if err != nil {
		n.tb.Fatal(err)
	}
	n.tb.Cleanup(func() { unix.Close(fd) })
	return fd
}

func loopback(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

// listen listens on loopback; defer is TCP_DEFER_ACCEPT's seconds.
func (n *network) listen(backlog, deferAccept int) (fd, port int) {
	n.tb.Helper()
	fd = n.socket(unix.SOCK_STREAM)
	err := unix.Bind(fd, loopback(0))
	if err == nil && deferAccept > 0 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferAccept)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		n.tb.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		n.tb.Fatal(err)
	}
	return fd, sa.(*unix.SockaddrInet4).Port
}

// connect begins a connection. On loopback its SYN is taken, or dropped, before this returns or very soon after.
func (n *network) connect(port int) int {
	n.tb.Helper()
	fd := n.socket(unix.SOCK_STREAM)
	if err := unix.Connect(fd, loopback(port)); err != nil && err != unix.EINPROGRESS {
		n.tb.Fatal(err)
	}
	n.clients = append(n.clients, fd)
	return fd
}

// giveUp closes the clients that nobody has answered: they would send their SYNs again after a second.
func (n *network) giveUp() {
	n.tb.Helper()
	for _, fd := range n.clients {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && netlink.State(info.State) == netlink.SynSent {
			n.reset(fd)
		}
	}
}

// accept takes a connection that is there already, or soon.
func (n *network) accept(ln int) int {
	n.tb.Helper()
	n.await(ln, unix.POLLIN)
	fd, _, err := unix.Accept4(ln, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err != nil {
		n.tb.Fatal(err)
	}
	n.tb.Cleanup(func() { unix.Close(fd) })
	return fd
}

func (n *network) await(fd int, events int16) {
	n.tb.Helper()
	for give := time.Now().Add(5 * time.Second); time.Now().Before(give); {
		if got, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 100); err == nil && got > 0 {
			return
		}
	}
	n.tb.Fatalf("descriptor %d is not ready", fd)
}

// older says whether the kernel is older than a version.
func older(major, minor int) bool {
	var u unix.Utsname
	var a, b int
	if unix.Uname(&u) != nil {
		return false
	}
	fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b)
	return a < major || a == major && b < minor
}
