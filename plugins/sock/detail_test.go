package sock

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// With info = true a row has all that the kernel tells of it; without, those fields are nil.
func TestRowDetails(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	client := n.connect(port)
	server := n.accept(ln)
	unix.Write(client, []byte("hello"))
	n.await(server, unix.POLLIN)
	expect(t, `
		local mine = {on = given.net, local_port = given.port, state = "ESTABLISHED", info = true}
		local r = assert(sock.list(mine))[1]
		print(r.recv_q, r.memory.rmem_alloc > 5, r.memory.rcvbuf > r.memory.rmem_alloc, r.memory.drops)
		print(r.info.state, r.info.bytes_received, r.info.snd_cwnd > 0, type(r.congestion), #r.congestion > 2)
		mine.info = nil
		r = assert(sock.list(mine))[1]
		print(r.info, r.memory, r.congestion, r.type)
		mine.state, mine.info = "LISTEN", true
		r = assert(sock.list(mine))[1]
		print(r.info.state, r.info.sacked, r.memory.drops)
	`, "5\ttrue\ttrue\t0\nESTABLISHED\t5\ttrue\tstring\ttrue\nnil\tnil\tnil\tnil\nLISTEN\t8\t0", is("net", n), is("port", port))
}

func TestInterface(t *testing.T) {
	n := newNetwork(t)
	fd := n.socket(unix.SOCK_STREAM)
	if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo"); err != nil {
		t.Skip(err)
	}
	if unix.Bind(fd, loopback(0)) != nil || unix.Listen(fd, 1) != nil {
		t.Fatal("listen")
	}
	n.listen(1, 0)
	expect(t, `
		print(#sock.list{on = given.net}, #sock.list{on = given.net, interface = "lo"}, sock.states{on = given.net, interface = "lo"}.LISTEN)
		print(select(2, sock.list{on = given.net, interface = "eth9"}).code)
	`, "2\t1\t1\nENODEV", is("net", n))
}

func TestUnixRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Write([]byte("hello"))
	out, err := run(t, `
		local mine, n = {}, 0
		local rows = assert(sock.list{proto = "unix"})
		for _, r in ipairs(rows) do
			if r.local_addr == "unix:" .. given.path or r.peer_addr == "unix:" .. given.path then mine[#mine + 1] = r end
		end
		table.sort(mine, function(a, b) return a.state .. a.local_addr < b.state .. b.local_addr end)
		for _, r in ipairs(mine) do
			print(r.state, r.local_addr == "unix:*" and "*" or "path", r.peer_addr == "unix:*" and "*" or "path", r.recv_q, r.proto, r.family, r.type, r.timer, r.pid > 0)
		end
		print(#sock.list{proto = "unix", state = "LISTEN"} >= 1, sock.states{proto = "unix"}.LISTEN >= 1, #sock.holders(mine[1]))
	`, is("path", path))
	if err != nil && strings.Contains(err.Error(), "ENOENT") {
		t.Skip("this kernel has no unix_diag")
	}
	want := "ESTABLISHED\t*\tpath\t5\tunix\tunix\tstream\tnil\ttrue\n" +
		"ESTABLISHED\tpath\t*\t0\tunix\tunix\tstream\tnil\ttrue\n" +
		"LISTEN\tpath\t*\t0\tunix\tunix\tstream\tnil\ttrue\n" +
		"true\ttrue\t1\n"
	if err != nil || out != want {
		t.Errorf("%v, printed\n%swanted\n%s", err, out, want)
	}
	if _, err := run(t, `sock.list{proto = "unix", port = 80}`); err == nil || !strings.Contains(err.Error(), "option 'port': unix sockets have none") {
		t.Error(err)
	}
}
