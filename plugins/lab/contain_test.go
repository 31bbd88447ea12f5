package lab_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probeArg makes the test binary try, as a program on a laboratory's host, what must not be possible there. It is found
// at /proc/1/exe: the laboratory's process is the same binary.
const probeArg = "lab-test:probe"

func probe(args []string) int {
	pid, path, abstract := args[1], args[2], args[3]
	tries := map[string]func() error{
		"setns": func() error {
			fd, err := unix.Open("/proc/"+pid+"/ns/net", unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			return unix.Setns(fd, unix.CLONE_NEWNET)
		},
		"descriptors": func() error {
			entries, err := os.ReadDir("/proc/self/fd")
			for _, e := range entries {
				to, _ := os.Readlink("/proc/self/fd/" + e.Name())
				if to != "" && !strings.HasPrefix(to, "pipe:") && to != "/dev/null" && !strings.HasPrefix(to, "/proc/") && !strings.HasPrefix(to, "anon_inode:") {
					fmt.Println(e.Name(), to)
					return err
				}
			}
			return errors.New("none")
		},
		"unix socket by path":  func() error { return dialed("unix", path) },
		"abstract unix socket": func() error { return dialed("unix", "@"+abstract) },
		"passwd":               func() error { return read("/etc/passwd") },
		"outer proc":           func() error { return read("/proc/" + pid + "/status") },
		"signal": func() error {
			var n int
			fmt.Sscan(pid, &n)
			return unix.Kill(n, 0)
		},
		"vm sysctl":     func() error { return rewrite("/proc/sys/vm/swappiness") },
		"kernel sysctl": func() error { return rewrite("/proc/sys/kernel/core_pattern") },
		"sysrq":         func() error { return os.WriteFile("/proc/sysrq-trigger", []byte("h"), 0) },
		"program file":  func() error { return os.WriteFile("/usr/bin/nsh-test", nil, 0o755) },
		"outside":       func() error { return dialed("tcp", "192.0.2.1:80") },
		"mount":         func() error { return unix.Mount("/dev/root", "/tmp", "ext4", 0, "") },
		"device":        func() error { return unix.Mknod("/tmp/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(254, 0))) },
		"module":        func() error { return unix.InitModule([]byte{}, "") },
		"nested": func() error { // a user namespace of its own is everybody's right, and is no way out
			if err := unix.Unshare(unix.CLONE_NEWUSER); err == nil {
				return rewrite("/proc/sys/vm/swappiness")
			}
			return errors.New("no nested namespace")
		},
	}
	if err := tries[args[0]](); err != nil {
		fmt.Println("refused:", err)
		return 0
	}
	fmt.Println("done:", args[0])
	return 0
}

func dialed(network, addr string) error {
	c, err := net.DialTimeout(network, addr, time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

// rewrite writes what is there already: so it does no harm where it is possible.
func rewrite(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0)
}

// TestContainment runs the probe on a host, as whoever runs the test. What it tries is possible outside, or would be for
// root.
func TestContainment(t *testing.T) {
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	path, abstract := filepath.Join(dir, "s"), fmt.Sprintf("nsh-lab-test-%d", os.Getpid())
	for _, addr := range []string{path, "@" + abstract} {
		ln, err := net.Listen("unix", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if err := dialed("unix", addr); err != nil {
			t.Fatal("it is not possible outside, either:", err)
		}
	}
	os.Chmod(path, 0o777)
	for _, what := range []string{"setns", "descriptors", "unix socket by path", "abstract unix socket", "passwd", "outer proc", "signal",
		"vm sysctl", "kernel sysctl", "sysrq", "program file", "outside", "mount", "device", "module", "nested"} {
		t.Run(what, func(t *testing.T) {
			w := world(t)
			got := w.Value(fmt.Sprintf(`local l = assert(lab.new())
				local r = assert(l:exec(l:host("a"), "/proc/1/exe", %q, %q, "%d", %q, %q))
				return r.out .. r.err`, probeArg, what, os.Getpid(), path, abstract))
			if !strings.HasPrefix(got, "refused: ") {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestLinksStayInside tries to move a link out of the laboratory by the machine's own tools.
func TestLinksStayInside(t *testing.T) {
	before, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	w := world(t)
	for _, command := range []string{
		fmt.Sprintf("ip link set eth0 netns %d", os.Getpid()),
		"ip link set eth0 netns machine",
		fmt.Sprintf("nsenter --net=/proc/%d/ns/net true", os.Getpid()),
		"mknod /tmp/tun c 10 200 && cat /tmp/tun",
	} {
		got := w.Value(fmt.Sprintf(`local l, a, b = assert(lab.line("a", "b"))
			local r = assert(l:exec(a, "sh", "-c", %q))
			return r.code .. r.err`, command))
		if strings.HasPrefix(got, "0") {
			t.Errorf("%s: %s", command, got)
		}
	}
	after, _ := net.Interfaces()
	if len(before) != len(after) {
		t.Errorf("the machine had %d interfaces, and has %d", len(before), len(after))
	}
}
