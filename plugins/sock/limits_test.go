package sock

import (
	"bytes"
	"os"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What sock.limits says is what the files say, in the network that is meant.
func TestLimits(t *testing.T) {
	n := newNetwork(t)
	n.set("core/somaxconn", 77)
	n.set("ipv4/tcp_fin_timeout", 5)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	expect(t, `
		local l, here = assert(sock.limits{on = given.net}), assert(sock.limits())
		print(l.somaxconn, l.tcp_fin_timeout, #l.tcp_rmem, #l.ip_local_port_range, here.somaxconn == given.here)
		print(l.tcp_mem, l.netdev_max_backlog, rawget(l, "tcp_mem"))
		print(l.nofile == given.nofile, l.nofile_max >= l.nofile)
	`, "77\t5\t3\t2\ttrue\nnil\tnil\tnil\ntrue\ttrue", is("nofile", int(files.Cur)), is("net", n), is("here", fileNumber(t, "/proc/sys/net/core/somaxconn")))
	for i := range reflect.TypeFor[Limits]().NumField() {
		tag := reflect.TypeFor[Limits]().Field(i).Tag
		name := limitFile(tag)
		if _, err := os.Stat(name); name != "" && err != nil && !slices.Contains([]string{"tcp_mem", "udp_mem", "tcp_max_orphans", "netdev_max_backlog"}, path.Base(name)) {
			t.Errorf("%s: %v; only the machine's own settings may be missing in a network", name, err)
		}
		for each := range strings.SplitSeq(tag.Get("each"), "|") {
			text := "ip_unprivileged_port_start  1234567890  " + tag.Get("help")
			if each != "" {
				text += ": " + each
			}
			if len(text) > 80 {
				t.Errorf("%s: its meaning is %d columns too long", name, len(text)-80)
			}
		}
	}
}

func fileNumber(t *testing.T, name string) int {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(data)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
