package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A machine is what nsh must leave as it was, each thing by a name, with its value.
type machine map[string]string

// lookAround takes down the machine's mounts, links and settings, and in a yard its listening ports: elsewhere others
// open and close some all the time.
func lookAround() machine {
	m := machine{}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		m["mount "+strings.TrimSpace(line)] = "there"
	}
	links, _ := net.Interfaces()
	for _, l := range links {
		addrs, _ := l.Addrs()
		m["link "+l.Name] = fmt.Sprint(l, addrs)
	}
	if os.Getenv(inYard) != "" {
		for _, port := range listening() {
			m["port "+port] = "listens"
		}
	}
	for _, dir := range []string{"net", "kernel", "vm"} {
		filepath.WalkDir("/proc/sys/"+dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && !restless(path) {
				if value, err := os.ReadFile(path); err == nil {
					m[path] = string(value)
				}
			}
			return nil
		})
	}
	return m
}

// restless says of a setting that it is a measurement rather than a setting.
func restless(path string) bool {
	for _, part := range []string{"kernel/random/", "kernel/pty/nr", "kernel/ns_last_pid", "kernel/perf_", "vm/stat_refresh", "nf_conntrack_count", "kernel/tainted"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// listening are the local addresses that listen, as /proc/net/tcp has them (proc_net_tcp(5)).
func listening() (all []string) {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 && f[3] == "0A" {
				all = append(all, f[1])
			}
		}
	}
	return all
}

// changes are the differences to a later state, but for what is not steady.
func (m machine) changes(later machine) (out []string) {
	for name, value := range m {
		if later[name] != value {
			out = append(out, fmt.Sprintf("%s: %q, and was %q", name, later[name], value))
		}
	}
	for name, value := range later {
		if _, ok := m[name]; !ok {
			out = append(out, fmt.Sprintf("%s: %q, and was not there", name, value))
		}
	}
	slices.Sort(out)
	return out
}

// watchMachine fails the test if the machine is another one at its end.
func watchMachine(t *testing.T) {
	t.Helper()
	before := lookAround()
	unsteady := lookAround()
	maps.DeleteFunc(before, func(name, value string) bool { return unsteady[name] != value })
	t.Cleanup(func() {
		deadline := time.Now().Add(2 * time.Second)
		for {
			later := lookAround()
			maps.DeleteFunc(later, func(name, value string) bool {
				_, was := before[name]
				return !was && unsteady[name] != ""
			})
			changes := before.changes(later)
			if len(changes) == 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("the machine has changed:\n%s", strings.Join(changes, "\n"))
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// TestMachine makes sure that a change is seen.
func TestMachine(t *testing.T) {
	if yard(t) {
		return
	}
	if os.Getenv(inYard) == "" {
		t.Skip("a yard needs root")
	}
	before := lookAround()
	if len(before) < 500 {
		t.Errorf("only %d things were seen", len(before))
	}
	l, err := net.Listen("tcp4", "0.0.0.0:80")
	if err != nil {
		t.Fatal(err)
	}
	const setting = "/proc/sys/net/ipv4/tcp_syncookies"
	value, _ := os.ReadFile(setting)
	if err := os.WriteFile(setting, []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
	changes := strings.Join(before.changes(lookAround()), "\n")
	if !strings.Contains(changes, "port 00000000:0050: \"listens\", and was not there") || !strings.Contains(changes, setting+`: "2\n", and was `) {
		t.Errorf("the changes are:\n%s", changes)
	}
	l.Close()
	os.WriteFile(setting, value, 0)
}
