package sock

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHolders(t *testing.T) {
	ln, port := listener(t, "tcp4", "127.0.0.1:0")
	server, client := connected(t, ln)
	a, b := descriptor(t, server), descriptor(t, client)
	// A child that inherits a descriptor holds it, too.
	f := os.NewFile(uintptr(dup(t, a)), "conn")
	cmd := exec.Command("/bin/sleep", "60")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Skipf("no child: %v", err)
	}
	f.Close()
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	expect(t, `
		local mine, theirs = {}, {}
		for _, h in ipairs(assert(sock.holders(given.server))) do
			if h.pid == given.pid then mine[#mine + 1] = h.fd else theirs[#theirs + 1] = h.process .. " " .. h.pid .. " " .. h.fd end
		end
		local has = false
		for i, fd in ipairs(mine) do has = has or fd == given.fd assert(i == 1 or mine[i - 1] < fd) end
		print(#mine, has, #theirs, theirs[1] == "sleep " .. given.child .. " 3")
		for _, h in ipairs(sock.holders(given.client)) do assert(h.pid == given.pid) end
		local row = assert(sock.list{state = "LISTEN", local_port = given.port})[1]
		local h = assert(sock.holders(row))
		print(#h, h[1].pid == row.pid, h[1].process == row.process)
	`, "2\ttrue\t1\ttrue\n1\ttrue\ttrue", is("server", &fakeConn{a}), is("client", &fakeConn{b}), is("fd", a),
		is("pid", os.Getpid()), is("child", cmd.Process.Pid), is("port", port))
}

// Nobody holds a socket in TIME_WAIT, and a socket of another network has its holders in this machine.
func TestHoldersElsewhere(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(3, 0)
	c := n.connect(port)
	s := n.accept(ln)
	unix.Shutdown(s, unix.SHUT_WR)
	n.await(c, unix.POLLIN)
	expect(t, `
		local h = assert(sock.holders(given.conn))
		print(#h, h[1].fd == given.fd)
		print(#sock.holders(sock.list{on = given.net, state = "LISTEN"}[1]))
	`, "1\ttrue\n1", is("net", n), is("conn", &fakeConn{c}), is("fd", c))
	unix.Shutdown(c, unix.SHUT_WR)
	n.awaitCount("TcpExt", "TW", 1)
	expect(t, `
		local rows
		for i = 1, 1e5 do rows = sock.list{on = given.net, state = "TIME_WAIT"} if #rows == 1 then break end end
		print(#rows, #sock.holders(rows[1]))
	`, "1\t0", is("net", n))
}

func dup(t *testing.T, fd int) int {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
