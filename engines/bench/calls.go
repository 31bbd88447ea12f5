package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measureCalls counts system calls, under strace, with 64 connections.
func measureCalls(t *tools, o options, groups []group, r *results) error {
	if t.strace == "" {
		fmt.Println("left out: system calls; there is no strace")
		return nil
	}
	seen := map[string]bool{}
	for _, g := range groups {
		for _, c := range g.servers {
			n := 64
			if c.most > 0 {
				n = min(n, c.most)
			}
			if seen[c.name] {
				continue
			}
			seen[c.name] = true
			calls, err := t.calls(o, c, n)
			if err != nil {
				fmt.Println("left out:", c.name, "under strace:", err)
				continue
			}
			r.add(g.name, strconv.Itoa(n), c.name, "calls", calls)
			fmt.Printf("%s: %.2f system calls a request\n", c.name, calls)
		}
	}
	return nil
}

// calls is how many a request costs.
func (t *tools) calls(o options, c contender, n int) (float64, error) {
	s, err := t.start(c, n)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	table := filepath.Join(t.bin, "strace.out")
	defer os.Remove(table)
	args := []string{"-f", "-c", "-U", "calls,name", "-o", table, "-p", strconv.Itoa(s.pid())}
	for _, child := range children(s.pid()) { // those that are there; -f follows those that will be
		args = append(args, "-p", child)
	}
	cmd := exec.Command(t.strace, args...)
	var says bytes.Buffer
	cmd.Stderr = &says
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for range 500 {
		if traced(s.pid()) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	seen, err := t.load("echo", n, o.seconds, 0, s)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if err != nil {
		return 0, fmt.Errorf("%w (strace: %s)", err, firstLine(says.Bytes()))
	}
	text, err := os.ReadFile(table)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == "total" {
			total, err := strconv.ParseFloat(f[0], 64)
			return total / seen[s.port].answered, err
		}
	}
	return 0, fmt.Errorf("strace: %s", firstLine(says.Bytes()))
}

// children lists the processes that a process has started.
func children(pid int) (pids []string) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// traced says whether all threads of a process have a tracer.
func traced(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "\nTracerPid:\t0\n") {
			return false
		}
	}
	return true
}
