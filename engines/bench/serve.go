package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// processors are the one of the servers and the one of the load.
func processors() (server, load int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, 0, err
	}
	var all []int
	for i := 0; i < 1024 && len(all) < 2; i++ {
		if set.IsSet(i) {
			all = append(all, i)
		}
	}
	if len(all) == 1 {
		fmt.Println("one processor only: servers and load share it, and requests a second say little")
	}
	return all[0], all[len(all)-1], nil
}

// startOn starts a program held to one processor; a child inherits that from the thread that starts it.
func startOn(cmd *exec.Cmd, cpu int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	defer unix.SchedSetaffinity(0, &before)
	return cmd.Start()
}

// A running server.
type running struct {
	cmd  *exec.Cmd
	port string
	says bytes.Buffer // on its standard error
}

func (r *running) pid() int { return r.cmd.Process.Pid }

// start starts a server for n connections and waits for its port.
func (t *tools) start(c contender, n int) (*running, error) {
	args := t.command(c, n)
	r, err := t.startCommand(exec.Command(args[0], args[1:]...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return r, nil
}

func (t *tools) startCommand(cmd *exec.Cmd) (*running, error) {
	r := &running{cmd: cmd}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Stderr = &r.says
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(r.cmd, t.server); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	r.port = strings.TrimSpace(line)
	if _, wrong := strconv.Atoi(r.port); err != nil || wrong != nil {
		r.stop()
		return nil, fmt.Errorf("no port but %q: %s", line, r.says.String())
	}
	return r, nil
}

// stop ends a server and its children: those in its group, as C's are, and those that end when it does.
func (r *running) stop() {
	syscall.Kill(-r.pid(), syscall.SIGKILL)
	r.cmd.Wait()
}

// loaded is what the load generator saw of a server.
type loaded struct{ requests, seconds, errors, answered, cpu float64 }

// load runs the load generator; of a server that failed it has nothing to say.
func (t *tools) load(mode string, n int, seconds, warm float64, servers ...*running) (map[string]loaded, error) {
	// A turn is long enough for some requests on each connection, and short beside the moods of the machine.
	args := []string{"-m", mode, "-n", strconv.Itoa(n), "-s", fmt.Sprint(seconds), "-w", fmt.Sprint(warm),
		"-t", fmt.Sprint(min(seconds, max(0.1, float64(n)*1e-4)))}
	for _, s := range servers {
		args = append(args, fmt.Sprintf("%s:%d", s.port, s.pid()))
	}
	var out, says bytes.Buffer
	cmd := exec.Command(filepath.Join(t.bin, "c-load"), args...)
	cmd.Stdout, cmd.Stderr = &out, &says
	err := startOn(cmd, t.generator)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w: %s", strings.Join(args, " "), err, says.String())
	}
	all := map[string]loaded{}
	for line := range strings.Lines(out.String()) {
		var port string
		var l loaded
		if n, _ := fmt.Sscan(line, &port, &l.requests, &l.seconds, &l.errors, &l.answered, &l.cpu); n == 6 {
			all[port] = l
		} else {
			fmt.Println("load failed:", strings.TrimSpace(says.String()))
		}
	}
	return all, nil
}

// churners is how many connections churn has at a time: few, so that a process for each is no crowd.
const churners = 8

// connections is how many a server has in a cell, and whether it can have them.
func (c contender) connections(cell string) (n int, ok bool) {
	n = number(cell)
	if cell == "churn" {
		n = churners
		if c.most == 1 {
			n = 1
		}
	}
	return n, c.most == 0 || n <= c.most
}

var errNothing = errors.New("nothing was answered")

// measureLoad measures requests and connections: each group's servers in turn, cell by cell.
func measureLoad(t *tools, o options, groups []group, r *results) error {
	for _, g := range groups {
		for _, cell := range g.cells {
			for round := range o.rounds {
				if err := t.measure(o, g, cell, r); err != nil {
					if round > 0 || o.short {
						return err
					}
					fmt.Println("left out:", err)
				}
			}
			fmt.Printf("%s %s:%s\n", g.name, cell, r.line(g, cell))
		}
	}
	return nil
}

// measure is one measurement of each of a group's servers: all are started, and take turns.
func (t *tools) measure(o options, g group, cell string, r *results) (err error) {
	byConnections := map[int][]*running{}
	names := map[*running]string{}
	defer func() {
		for s := range names {
			s.stop()
		}
	}()
	for _, c := range g.servers {
		n, ok := c.connections(cell)
		if !ok {
			continue
		}
		s, problem := t.start(c, n)
		if problem != nil {
			err = errors.Join(err, problem)
			continue
		}
		names[s] = c.name
		byConnections[n] = append(byConnections[n], s)
	}
	mode := "echo"
	if cell == "churn" {
		mode = "churn"
	}
	for n, servers := range byConnections {
		seen, problem := t.load(mode, n, o.seconds, o.warm, servers...)
		err = errors.Join(err, problem)
		for _, s := range servers {
			name, l := names[s], seen[s.port]
			switch {
			case problem != nil:
			case l.requests == 0:
				err = errors.Join(err, fmt.Errorf("%s, %s: %w", name, cell, errNothing))
			default:
				r.add(g.name, cell, name, "rate", l.requests/l.seconds)
				r.add(g.name, cell, name, "cpu", l.cpu/l.requests*1e6)
			}
			if l.errors > 0 {
				fmt.Printf("%s, %s: %.0f errors in %.0f requests\n", name, cell, l.errors, l.requests)
			}
		}
	}
	return err
}
