package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// outside builds everything, which may take a network, and starts this program again in a namespace that has none.
func outside(o options) error {
	bin := o.bin
	if bin == "" {
		var err error
		if bin, err = os.MkdirTemp("", "nsh-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(bin)
	}
	if err := build(bin); err != nil {
		return err
	}
	if o.profile {
		if err := buildProfiled(bin); err != nil {
			return err
		}
	}
	cmd := exec.Command("/proc/self/exe", append([]string{"--inside", "--bin", bin}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return &cannotError{"no network namespace of its own: " + err.Error()}
	}
	err := cmd.Wait()
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() > 0 {
		return exitCode(exit.ExitCode()) // the inner one has said why
	}
	return err
}

// An exitCode is that of the inner start.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// build makes nsh, the servers in C, the load generator, and the peers in Go.
func build(bin string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return &cannotError{"the servers in C need gcc"}
	}
	sources, err := filepath.Glob("engines/bench/c/*.c")
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("no engines/bench/c here: run it from the folder of go.mod")
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".c")
		if out, err := exec.Command(gcc, "-O2", "-Wall", "-Wextra", "-pthread", "-o", filepath.Join(bin, "c-"+name), source).CombinedOutput(); err != nil {
			if name == "uring" { // its kernel headers may be older than the kernel
				fmt.Printf("left out: %s does not compile: %s\n", source, firstLine(out))
				os.Remove(filepath.Join(bin, "c-"+name))
				continue
			}
			return fmt.Errorf("%s: %s", source, out)
		}
	}
	for name, pkg := range map[string]string{"nsh": "./cmd/nsh", "gonet": "./engines/bench/gonet"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(bin, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %s", pkg, out)
		}
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(bin, "netpoll"), ".")
	cmd.Dir = "engines/bench/netpoll"
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Println("left out: netpoll does not build here:", firstLine(out))
	}
	return nil
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}

// tools is what there is to measure with.
type tools struct {
	bin               string
	python            string // "" is none
	gevent            bool
	strace            string
	server, generator int // the processors
}

// findTools prepares the namespace that it runs in, and says what is missing.
func findTools(bin string) (*tools, error) {
	t := &tools{bin: bin}
	if out, err := exec.Command(filepath.Join(bin, "c-load"), "up").CombinedOutput(); err != nil {
		return nil, &cannotError{"the namespace's loopback does not come up: " + firstLine(out)}
	}
	// Set by hand, so that Go does not lower it again for the programs it starts.
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		files.Cur = files.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
	}
	for _, python := range []string{"/usr/bin/python3", "python3"} { // Debian's, which has Debian's gevent, before others
		path, err := exec.LookPath(python)
		if err != nil {
			continue
		}
		if gevent := exec.Command(path, "-c", "import gevent").Run() == nil; gevent || t.python == "" {
			t.python, t.gevent = path, gevent
		}
		if t.gevent {
			break
		}
	}
	t.strace, _ = exec.LookPath("strace")
	var err error
	t.server, t.generator, err = processors()
	if t.python == "" {
		fmt.Println("left out: the peers in Python; there is no python3")
	} else if !t.gevent {
		fmt.Println("left out: gevent; python3 does not find it (Debian's package is python3-gevent)")
	}
	return t, err
}

// has says whether a program was built.
func (t *tools) has(name string) bool {
	_, err := os.Stat(filepath.Join(t.bin, name))
	return err == nil
}
