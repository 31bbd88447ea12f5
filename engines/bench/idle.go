package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How many connections are held for memory: the difference is what counts. Threads and processes cost more than others.
const (
	someIdle, manyIdle = 1000, 10000
	fewFlows, moreFlow = 100, 1000
	idleSeconds        = 3
	settle             = 700 * time.Millisecond
)

// A crowd is connections that the load generator holds.
type crowd struct {
	cmd *exec.Cmd
	in  io.Closer
}

// hold opens n connections, each of which is answered once.
func (t *tools) hold(n int, port string) (*crowd, error) {
	cmd := exec.Command(filepath.Join(t.bin, "c-load"), "-m", "idle", "-n", strconv.Itoa(n), port)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := startOn(cmd, t.generator); err != nil {
		return nil, err
	}
	c := &crowd{cmd, in}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		c.end()
		return nil, fmt.Errorf("%d connections could not be held: %q", n, line)
	}
	return c, nil
}

func (c *crowd) end() {
	c.in.Close()
	c.cmd.Wait()
}

// measureIdle measures what connections cost that say nothing: memory, and wake-ups of the server.
func measureIdle(t *tools, o options, groups []group, r *results) error {
	seen := map[string]bool{}
	for _, g := range groups {
		for _, c := range g.servers {
			if c.pool || c.most > 0 && c.most < moreFlow || g.name == "process" || seen[c.name] {
				continue
			}
			seen[c.name] = true
			for range min(o.rounds, 3) {
				if err := t.idle(o, g, c, r); err != nil {
					fmt.Println("left out:", c.name, "idle:", err)
					break
				}
			}
			bytes, _ := r.median(g.name, "idle", c.name, "bytes")
			wakes, _ := r.median(g.name, "idle", c.name, "wakeups")
			fmt.Printf("%s idle: %.0f bytes a connection, %.2f wake-ups a second\n", c.name, bytes, wakes)
		}
	}
	return nil
}

func (t *tools) idle(o options, g group, c contender, r *results) error {
	few, many, settle := someIdle, manyIdle, settle
	if g.name == "thread" {
		few, many = fewFlows, moreFlow
	}
	seconds := float64(idleSeconds)
	if o.short {
		few, many, seconds, settle = 10, 100, 0, 0
	}
	s, err := t.start(c, many)
	if err != nil {
		return err
	}
	defer s.stop()
	first, err := t.hold(few, s.port)
	if err != nil {
		return err
	}
	defer first.end()
	time.Sleep(settle)
	before, err := memory(s.pid())
	if err != nil {
		return err
	}
	wakes, cpu := switches(s.pid()), clock(s.pid())
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	if !o.short {
		r.add(g.name, "idle", c.name, "wakeups", float64(switches(s.pid())-wakes)/seconds)
		r.add(g.name, "idle", c.name, "idle cpu", (clock(s.pid())-cpu)/seconds)
	}
	second, err := t.hold(many-few, s.port)
	if err != nil {
		return err
	}
	defer second.end()
	time.Sleep(settle)
	after, err := memory(s.pid())
	r.add(g.name, "idle", c.name, "bytes", float64(after-before)/float64(many-few))
	return err
}

// memory is the bytes of a process that no file has: its heap, its stacks.
func memory(pid int) (bytes int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("the kernel does not tell the memory of process %d", pid)
}

// switches is how often threads of a process have been switched to.
func switches(pid int) (n int64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(name, "voluntary_ctxt_switches") {
				v, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
				n += v
			}
		}
	}
	return n
}

// clock is the processor time of a process, in seconds: each process has a clock that others may read
// (clock_getcpuclockid(3)).
func clock(pid int) float64 {
	var t unix.Timespec
	unix.ClockGettime(int32(^pid<<3|2), &t)
	return float64(t.Nano()) / 1e9
}
