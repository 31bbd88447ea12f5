package sock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/internal/tracefs"
	"github.com/nsh-lab/nsh/plugins"
)

// traceRole is the name of the process that holds an instance of tracefs, among nsh's roles.
const traceRole = "sock-trace"

// A tracer hears of every change of state from the kernel's tracepoint, through a process of its own that leaves no
// instance of tracefs behind.
type tracer struct {
	cmd   *exec.Cmd
	hold  *os.File // its standard input: when that ends, so does it
	lines *os.File
	from  int // its descriptor
	rest  []byte
	buf   []byte

	// A connect without a bind is told of before the kernel has chosen a port: its SYN_SENT waits here for what comes next.
	unnamed []tracefs.Change
}

// mayTrace says whether these networks are the machine's own and the user its root. Inside a user namespace, where a file
// is root, there is no tracefs.
func mayTrace(places []engines.Place) bool {
	for _, p := range places {
		if here, ok := p.(engines.Here); !ok || here.LoopbackOnly {
			return false
		}
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && os.Geteuid() == 0 && strings.Join(strings.Fields(string(ids)), " ") == "0 0 4294967295"
}

// patience is how long the process may take to begin.
const patience = 10 * time.Second

func newTracer(port uint16) (t *tracer, err error) {
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines, out, err := os.Pipe()
	if err != nil {
		hold.Close()
		return nil, err
	}
	defer out.Close()
	t = &tracer{hold: hold, lines: lines, buf: make([]byte, 64<<10)}
	t.cmd = exec.Command("/proc/self/exe", plugins.RolePrefix+traceRole, strconv.Itoa(int(port)))
	t.cmd.Stdin, t.cmd.Stdout = in, out
	// In a process group of its own, it does not get the terminal's Ctrl-C, and cleans up when nsh is gone.
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNS}
	if err := t.cmd.Start(); err != nil {
		hold.Close()
		lines.Close()
		return nil, err
	}
	lines.SetReadDeadline(time.Now().Add(patience))
	if err := t.begin(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// begin waits for the word that it listens, and makes its lines something to poll.
func (t *tracer) begin() error {
	for !bytes.Contains(t.rest, []byte("\n")) {
		n, err := t.lines.Read(t.buf)
		t.rest = append(t.rest, t.buf[:n]...)
		if err != nil {
			return fmt.Errorf("the process that traces: %w", err)
		}
	}
	word, rest, _ := bytes.Cut(t.rest, []byte("\n"))
	t.rest, t.from = rest, int(t.lines.Fd())
	if string(word)+"\n" != tracefs.Ready {
		return errors.New(string(word))
	}
	return nil
}

// close ends the process, which removes its instance first.
func (t *tracer) close() {
	t.hold.Close()
	t.lines.Close()
	t.cmd.Wait()
}

// take reads what has come.
func (t *tracer) take(o *observer) (something bool) {
	for raw.PollNow(t.from, raw.PollIn)&raw.PollIn != 0 {
		n, errno := raw.Read(t.from, t.buf)
		if errno != 0 || n == 0 {
			break
		}
		t.rest = append(t.rest, t.buf[:n]...)
	}
	now := time.Now()
	var mono unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono)
	for {
		line, rest, ok := bytes.Cut(t.rest, []byte("\n"))
		if !ok {
			return something
		}
		t.rest = rest
		c, ok := tracefs.Parse(string(line))
		if !ok || c.To == netlink.Listen || c.From == netlink.Listen && c.To == netlink.Close || c.Peer.Port() == 0 || !o.want(c.Local, c.Peer) {
			continue // a listener, or a connection whose other end is not said yet
		}
		if c.To == netlink.SynSent && c.Local.Port() == 0 {
			t.unnamed = append(t.unnamed, c)
			continue
		}
		for _, c := range t.withOpening(c) {
			at := now.Add(c.Clock - time.Duration(mono.Nano()))
			o.record.Trace(o.posts[0].name, c.Local, c.Peer, c.From, c.To, at)
		}
		something = true
	}
}

// withOpening is a change with the SYN_SENT before it, if that had no port.
func (t *tracer) withOpening(c tracefs.Change) []tracefs.Change {
	if c.From != netlink.SynSent {
		return []tracefs.Change{c}
	}
	i := slices.IndexFunc(t.unnamed, func(u tracefs.Change) bool { return u.Local.Addr() == c.Local.Addr() && u.Peer == c.Peer })
	if i < 0 {
		return []tracefs.Change{c}
	}
	first := t.unnamed[i]
	first.Local = c.Local
	t.unnamed = slices.Delete(t.unnamed, i, i+1)
	return []tracefs.Change{first, c}
}
