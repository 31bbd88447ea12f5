package lab

import (
	"os"
	"path"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// searchPath is where programs are looked for, and their PATH.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// programs are those that run in the laboratory. The process is the first of its namespace, so that it has to reap
// whatever loses its parent, too.
type programs struct {
	mu      sync.Mutex
	running map[int]uint64 // the request that started it, by pid
	started chan struct{}  // has room for one: something was started
	ended   func(id uint64, how syscall.WaitStatus)
}

func newPrograms(ended func(id uint64, how syscall.WaitStatus)) *programs {
	return &programs{running: map[int]uint64{}, started: make(chan struct{}, 1), ended: ended}
}

// start starts a program in the network that the thread is in. It leads a group of processes of its own.
func (p *programs) start(id uint64, args []string, output []int) error {
	if len(args) == 0 || len(output) != 2 {
		return unix.EBADRQC
	}
	file, err := look(args[0])
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir:   "/tmp",
		Env:   []string{"PATH=" + searchPath, "HOME=/tmp", "LANG=C.UTF-8", "TERM=dumb", "USER=root", "LOGNAME=root"},
		Files: []uintptr{null.Fd(), uintptr(output[0]), uintptr(output[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pid, err := syscall.ForkExec(file, args, attr)
	if err != nil {
		return err
	}
	p.running[pid] = id
	select {
	case p.started <- struct{}{}:
	default:
	}
	return nil
}

// look finds a program as execvp(3) does.
func look(name string) (string, error) {
	dirs := strings.Split(searchPath, ":")
	if strings.Contains(name, "/") {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		file := path.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", unix.ENOENT
}

// kill ends a program and its group.
func (p *programs) kill(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pid, of := range p.running {
		if of == id {
			unix.Kill(-pid, unix.SIGKILL)
		}
	}
}

// reap waits for the end of whatever ends. What a program leaves running in its group ends with it.
func (p *programs) reap() {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err == unix.ECHILD {
			<-p.started
			continue
		}
		if err != nil {
			continue
		}
		var how syscall.WaitStatus
		p.mu.Lock() // not between a program's start and its entry in the list
		pid, err := syscall.Wait4(-1, &how, syscall.WNOHANG, nil)
		id, ours := p.running[pid]
		delete(p.running, pid)
		p.mu.Unlock()
		if err == nil && pid > 0 && ours {
			unix.Kill(-pid, unix.SIGKILL)
			p.ended(id, how)
		}
	}
}
