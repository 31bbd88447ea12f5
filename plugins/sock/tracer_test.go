package sock

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
)

// instances lists what nsh has in tracefs now, seen from a mount namespace of its own.
func instances(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("unshare", "-m", "sh", "-c",
		"mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; ls /sys/kernel/tracing/instances | grep nsh- || true").Output()
	if err != nil {
		t.Skip("tracefs cannot be looked at here: ", err)
	}
	return string(out)
}

// As root on the machine's own network the kernel itself tells of each state, and TIME_WAIT comes from the table. What is
// made for that in tracefs is gone afterwards.
func TestTraced(t *testing.T) {
	if !mayTrace([]engines.Place{engines.Here{}}) {
		t.Skip("not the machine's root")
	}
	before := instances(t)
	t.Run("watch", func(t *testing.T) {
		ln, port := listener(t, "tcp4", "127.0.0.1:0")
		n := &network{tb: t}
		var server, client net.Conn
		n.sequence(
			func() { server, client = connected(t, ln) },
			func() { client.(*net.TCPConn).CloseWrite(); server.Read(make([]byte, 1)) },
			func() { server.Close() },
			func() {
				for _, name := range strings.Fields(instances(t)) {
					if !strings.Contains(before, name) {
						return
					}
				}
				t.Error("no instance of its own while it traces")
			},
		)
		expect(t, `
		w = assert(sock.watch{port = given.port})
		if not w.source:find("tracepoint sock/inet_sock_set_state, of every", 1, true) then print(w.source) end
		for i = 1, 4 do given.net:act() end
		`+untilScript+`
		till("waiting", function() local p = w:path() return p and last(p.client) == "TIME_WAIT" and last(p.server) == "CLOSE" end)
		print(table.concat(w:path().client, " "))
		print(table.concat(w:path().server, " "))
		for _, e in ipairs(w:events()) do assert(e.by == (e.to == "TIME_WAIT" and "table" or "trace"), e.to .. " by " .. e.by) end
		w = nil
	`, "SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT\nSYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE", is("net", n), is("port", port))
	})
	for _, name := range strings.Fields(instances(t)) {
		if !strings.Contains(before, name) {
			t.Errorf("%s is left in tracefs", name)
		}
	}
}

// A process's network is looked into from outside by root.
func TestOnPID(t *testing.T) {
	n := newNetwork(t)
	_, port := n.listen(8, 0)
	given := is("pid", n.pid)
	if os.Geteuid() != 0 {
		expect(t, `local rows, err = sock.list{on = {pid = 1}} print(rows, err.code)`, "nil\tEACCES")
		return
	}
	if ns, err := os.Open("/proc/self/ns/net"); err != nil || unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET) != nil {
		t.Skip("setns is forbidden here")
	} else {
		ns.Close()
	}
	expect(t, `
		local there = {pid = given.pid}
		local rows = assert(sock.list{state = "LISTEN", on = there})
		print(#rows, rows[1].local_addr)
		print(sock.states{on = there}.LISTEN, sock.counters{on = there}.Tcp.PassiveOpens, sock.limits{on = there}.somaxconn > 0, #sock.queues{on = there})
		print((sock.watch{port = 1, on = there}))
		print(select(2, sock.list{on = {pid = 2^30}}).code, select(2, sock.list{on = {pid = 2^30}}).message)
	`, "1\t127.0.0.1:"+itoa(port)+"\n1\t0\ttrue\t1\nWatch of port 1\nESRCH\tthere is no process 1073741824", given)
}
