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
	r := &running{cmd: exec.Command(args[0], args[1:]...)}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Stderr = &r.says
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(r.cmd, t.server); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	r.port = strings.TrimSpace(line)
	if _, wrong := strconv.Atoi(r.port); err != nil || wrong != nil {
		r.stop()
		return nil, fmt.Errorf("%s: no port but %q: %s", c.name, line, r.says.String())
	}
	return r, nil
}

// stop ends a server and its children: those in its group, as C's are, and those that end when it does.
func (r *running) stop() {
	syscall.Kill(-r.pid(), syscall.SIGKILL)
	r.cmd.Wait()
}

// loaded runs the load generator and gives what it prints.
func (t *tools) loaded(args ...string) (map[string]float64, error) {
	var out, says bytes.Buffer
	cmd := exec.Command(filepath.Join(t.bin, "c-load"), args...)
	cmd.Stdout, cmd.Stderr = &out, &says
	err := startOn(cmd, t.load)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w: %s", strings.Join(args, " "), err, says.String())
	}
	values := map[string]float64{}
	for line := range strings.Lines(out.String()) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if values[name], err = strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("load said %q", line)
		}
	}
	return values, nil
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
				for _, c := range g.servers {
					if err := t.measure(o, g, cell, c, r); err != nil {
						if round > 0 || o.short {
							return err
						}
						fmt.Println("left out:", err)
					}
				}
			}
			fmt.Printf("%s %s:%s\n", g.name, cell, r.line(g, cell))
		}
	}
	return nil
}

// measure is one measurement.
func (t *tools) measure(o options, g group, cell string, c contender, r *results) error {
	n, ok := c.connections(cell)
	if !ok {
		return nil
	}
	s, err := t.start(c, n)
	if err != nil {
		return err
	}
	defer s.stop()
	mode := "echo"
	if cell == "churn" {
		mode = "churn"
	}
	v, err := t.loaded("-m", mode, "-n", strconv.Itoa(n), "-s", fmt.Sprint(o.seconds), "-w", fmt.Sprint(o.warm), "-p", strconv.Itoa(s.pid()), s.port)
	if err == nil && v["requests"] == 0 {
		err = errNothing
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.name, cell, err)
	}
	r.add(g.name, cell, c.name, "rate", v["requests"]/v["seconds"])
	r.add(g.name, cell, c.name, "cpu", v["cpu"]/v["requests"]*1e6)
	if v["errors"] > 0 {
		fmt.Printf("%s, %s: %.0f errors in %.0f requests\n", c.name, cell, v["errors"], v["requests"])
	}
	return nil
}
