package fence

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// nobody is the id that root's children get: every other way, root inside would be root outside for the files of /proc
// and /sys, whose owner is all that the kernel asks for.
const nobody = 65534

// Start starts this program again behind the fence. The calling goroutine stays on its thread from then on, and must
// outlive the child: the kernel sends the signal of a parent's death when the thread that started the child ends.
func Start(c Config) (*Child, error) {
	runtime.LockOSThread()
	ask, asked, err := pass.Pair()
	if err != nil {
		return nil, err
	}
	defer asked.Close()
	alive, aliveW, err := os.Pipe()
	if err != nil {
		unix.Close(ask)
		return nil, err
	}
	defer alive.Close()
	crash, crashW, err := os.Pipe()
	if err != nil {
		unix.Close(ask)
		aliveW.Close()
		return nil, err
	}
	defer crashW.Close()
	child := &Child{ask: ask, alive: aliveW, crash: crash}
	files := []*os.File{c.Stdin, c.Stdout, crashW, fdStderr: c.Stderr, fdAsk: asked, fdAlive: alive}
	if c.Script != nil {
		files = append(files, c.Script)
	}
	// What whoever started this process has left open must not be handed on.
	unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	defer smallStack()()
	child.process, err = startSelf(append([]string{os.Args[0]}, c.Args...), &os.ProcAttr{Env: environment(c.Env), Files: files, Sys: attributes()})
	if err != nil {
		child.Close()
		if errors.Is(err, syscall.EPIPE) { // what Go says of a child that is killed before it is exec'ed
			err = ErrDied
		}
		return nil, err
	}
	return child, nil
}

// environment tells the child's Go how many processors there are. Otherwise it would look for a limit in the files of
// its control group when it starts, before it is behind the fence, and keep them open.
func environment(env []string) []string {
	debug := "containermaxprocs=0"
	var out []string
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "GODEBUG="); ok {
			debug += "," + value
		} else if !strings.HasPrefix(e, "GOMAXPROCS=") {
			out = append(out, e)
		}
	}
	return append(out, "GODEBUG="+debug, fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)))
}

// smallStack makes the threads of a child that is linked with C's library cost a megabyte of its RLIMIT_DATA each, not
// eight: that library takes the size of a thread's stack from this limit, when it starts. What it returns puts this
// process's own limit back.
func smallStack() (restore func()) {
	const enough = 1 << 20
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &l) != nil || l.Cur <= enough {
		return func() {}
	}
	before := l
	l.Cur = enough
	unix.Setrlimit(unix.RLIMIT_STACK, &l)
	return func() { unix.Setrlimit(unix.RLIMIT_STACK, &before) }
}

// startSelf starts this program anew. If its file is not for the user that the child becomes, a copy in memory is.
func startSelf(args []string, attr *os.ProcAttr) (*os.Process, error) {
	p, err := os.StartProcess("/proc/self/exe", args, attr)
	if !errors.Is(err, syscall.EACCES) || os.Geteuid() != 0 {
		return p, err
	}
	fd, err := unix.MemfdCreate("nsh", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "nsh")
	defer file.Close()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer self.Close()
	if _, err := file.ReadFrom(self); err != nil {
		return nil, err
	}
	if err := file.Chmod(0o755); err != nil {
		return nil, err
	}
	// Go's fork moves descriptors about, just above the highest that the child is given; this one is out of its way.
	far, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 200)
	if err != nil {
		return nil, err
	}
	defer unix.Close(far)
	return os.StartProcess(fmt.Sprintf("/proc/self/fd/%d", far), args, attr)
}

// attributes are the new namespaces and who the child is in them: root inside, and outside whoever started it, or
// nobody where that is root.
func attributes() *syscall.SysProcAttr {
	uid, gid := os.Geteuid(), os.Getegid()
	sys := &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true, // without a controlling terminal nothing can be typed into it (TIOCSTI, CVE-2017-5226)
	}
	if uid == 0 && mapped("/proc/self/uid_map", nobody) && mapped("/proc/self/gid_map", nobody) {
		uid, gid = nobody, nobody
		sys.GidMappingsEnableSetgroups = true // to give up root's groups
		sys.Credential = &syscall.Credential{}
	}
	sys.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
	sys.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	return sys
}

// mapped says whether an id exists in this process's user namespace. Inside another fence only one does.
func mapped(path string, id int) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var first, outside, size int
		if n, _ := fmt.Sscan(lines.Text(), &first, &outside, &size); n == 3 && id >= first && id < first+size {
			return true
		}
	}
	return false
}

// Crash reads what the child's runtime said when it died; nothing if it ended in order. It returns when everybody who
// could still say something is gone.
func (c *Child) Crash() string {
	const most = 256 << 10
	var b strings.Builder
	buf := make([]byte, 16<<10)
	for {
		n, err := c.crash.Read(buf)
		b.Write(buf[:min(n, most-b.Len())])
		if err != nil {
			return b.String()
		}
	}
}
