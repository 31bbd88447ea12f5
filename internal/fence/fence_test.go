package fence

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestContainment tries, from behind the fence, what must not be possible there, as root and as an ordinary user.
func TestContainment(t *testing.T) {
	abstract := fmt.Sprintf("\x00nsh-fence-test-%d", os.Getpid())
	path := filepath.Join(openDir(t), "socket")
	for _, addr := range []string{abstract, path} {
		l, err := net.Listen("unix", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	os.Chmod(path, 0o777)
	here := strconv.Itoa(os.Getpid())
	sysctls := []string{
		"vm/overcommit_memory", "vm/swappiness", "vm/drop_caches", "kernel/core_pattern", "kernel/randomize_va_space",
		"kernel/sysrq", "fs/file-max", "kernel/printk", "kernel/threads-max",
	}
	type attempt struct {
		probe string
		args  []string
		want  string // how the answer begins
	}
	attempts := []attempt{
		{"setns", nil, "refused: operation not permitted"},
		{"outer-proc", []string{here}, "refused: open"},
		{"processes", nil, "[1] <nil>"},
		{"signal", []string{here}, "refused: no such process"},
		{"read", []string{"/etc/passwd"}, "refused: open /etc/passwd: no such file"},
		{"read", []string{"/proc/1/root/../../etc/passwd"}, "refused: "},
		{"read", []string{"/proc/self/cwd/../../../etc/passwd"}, "refused: "},
		{"write", []string{"/file", "x"}, "refused: "},
		{"write", []string{"/etc/hosts", "x"}, "refused: "},
		{"write", []string{"/proc/sysrq-trigger", "h"}, "refused: "},
		{"connect", []string{"unix", path}, "refused: dial unix " + path + ": connect: no such file"},
		{"connect", []string{"unix", "@" + abstract[1:]}, "refused: "},
		{"connect", []string{"tcp", "192.0.2.1:80"}, "refused: dial tcp 192.0.2.1:80: connect: network is unreachable"},
		{"connect", []string{"tcp", "[2001:db8::1]:80"}, "refused: dial tcp [2001:db8::1]:80: connect: network is unreachable"},
		{"device", nil, "refused: operation not permitted"},
		{"descriptors", nil, "[]"},
		{"root", nil, "/dev/null /etc/hosts /proc"},
		{"loopback", nil, "connected"},
		{"counters", nil, "0 0 0 0"},
		{"limits", nil, "1024 true"},
	}
	for _, name := range sysctls {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			value = []byte("1")
		}
		attempts = append(attempts, attempt{"write", []string{"/proc/sys/" + name, strings.TrimSpace(string(value))}, "refused: "})
	}
	// The same where programs can run, with what only programs can try.
	for _, a := range attempts {
		if a.probe != "root" && !strings.Contains(strings.Join(a.args, " "), "/etc/hosts") { // which is the laboratory's own there
			attempts = append(attempts, attempt{"programs:" + a.probe, a.args, a.want})
		}
	}
	attempts = append(attempts,
		attempt{"programs:run", []string{"/bin/sh", "-c", "echo it runs"}, "it runs"},
		attempt{"programs:run", []string{"/bin/cat", "/etc/passwd"}, "refused: exit status 1"},
		attempt{"programs:write", []string{"/usr/bin/x", "x"}, "refused: "},
		attempt{"programs:read", []string{"/root/.profile"}, "refused: open /root/.profile: no such file"},
		attempt{"programs:read", []string{"/run/utmp"}, "refused: open /run/utmp: no such file"},
	)
	for who, uid := range users() {
		for _, a := range attempts {
			s := start{user: uid}
			if strings.HasSuffix(a.probe, "setns") {
				s.hand = "/proc/self/ns/net"
			}
			t.Run(who+" "+a.probe+" "+strings.Join(a.args, " "), func(t *testing.T) {
				if got, code := s.try(t, a.probe, a.args...); code != 0 || !strings.HasPrefix(got, a.want) {
					t.Errorf("exit code %d: %s", code, got)
				}
				if strings.Contains(a.probe, ":") || a.probe == "setns" || a.probe == "limits" || a.probe == "write" && a.args[0] != "/proc/sys/vm/overcommit_memory" {
					return // the nested process is handed nothing; the other sysctls are like the one
				}
				// A user namespace inside is a right of everybody's, and gets nobody any further.
				if got, code := s.try(t, "nested", append([]string{a.probe}, a.args...)...); code != 0 || !strings.HasPrefix(got, a.want) {
					t.Errorf("nested: exit code %d: %s", code, got)
				}
			})
		}
	}
}

// openDir is a temporary folder that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	return dir
}

// TestOuterSocketCouldBeReached makes sure that the test above tries what works without a fence.
func TestOuterSocketCouldBeReached(t *testing.T) {
	path := filepath.Join(openDir(t), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if text, err := dial("unix", path); err != nil {
		t.Fatal(text, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	for who, uid := range users() {
		t.Run(who, func(t *testing.T) {
			if got, code := (start{user: uid}).try(t, "memory"); code == 0 {
				t.Errorf("2 GiB within a limit of 1 GiB: %s", got)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	netem, err := Probe()
	if err != nil {
		t.Skip(Why(err))
	}
	t.Log("netem:", netem)
}
