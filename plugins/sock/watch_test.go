package sock

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
)

// A sequence is steps that a script has done one after the other: given.net:act().
func (n *network) sequence(steps ...func()) {
	at := 0
	n.act = func() error {
		steps[at]()
		at++
		return nil
	}
}

// A shy network gives no packet sockets.
type shy struct{ *network }

func (s *shy) Socket(family, typ, proto int) (int, error) {
	if family == unix.AF_PACKET {
		return -1, unix.EPERM
	}
	return s.network.Socket(family, typ, proto)
}

// orderly is a connection that the client closes first; the server follows.
func orderly(n *network, ln, port int) {
	var client, server int
	n.sequence(
		func() { client = n.connect(port); server = n.accept(ln) },
		func() { unix.Shutdown(client, unix.SHUT_WR); n.await(server, unix.POLLIN) },
		func() { unix.Shutdown(server, unix.SHUT_WR); n.await(client, unix.POLLIN) },
	)
}

const untilScript = `
local function till(what, holds)
	local give = fiber.now() + 10
	while not holds() do
		if fiber.now() > give then error("not " .. what .. ": " .. tostring(w:path())) end
		fiber.sleep(0.002)
	end
end
local function last(states) return states[#states] end`

func TestWatch(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	orderly(n, ln, port)
	expect(t, `
		local w = assert(sock.watch{port = given.port, on = given.net})
		print(w:path(), #w:paths(), #w:events())
		given.net:act()
		print(table.concat(w:path().client, " "), table.concat(w:path().server, " "))
		given.net:act()
		given.net:act()
		w:stop()
		w:stop()
		local p = w:path()
		print(table.concat(p.client, " "))
		print(table.concat(p.server, " "))
		for i = 2, #p.client_at do assert(p.client_at[i] >= p.client_at[i - 1]) end
		print(#p.client_at == #p.client, p.server_addr == "127.0.0.1:" .. given.port, rawequal(w:path("127.0.0.1:1"), nil), w:path(p.client_addr).client_addr == p.client_addr)
		print(tostring(p):match("^ +client [%d.:]+ +server [%d.:]+\n") ~= nil, w.left_out, w)
		for _, s in ipairs{"SYN_SENT", "LAST_ACK", "CLOSING"} do assert(tostring(sock.diagram(w)):find(s)) end
		local e = w:events()
		print(e[1].kind, e[1].to, e[1]["end"], e[1].from, e[1].on)
		-- TIME_WAIT, at least, lasts long enough for the kernel's table
		print(e[#e].seen or e[#e].to)
	`, strings.Join([]string{
		"nil\t0\t0",
		"SYN_SENT ESTABLISHED\tSYN_RECV ESTABLISHED",
		"SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT",
		"SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE",
		"true\ttrue\ttrue\ttrue",
		"true\t0\tWatch of port " + itoa(port) + " (stopped)",
		"state\tSYN_SENT\tclient\tCLOSE\there",
		"true",
	}, "\n"), is("net", n), is("port", port))
}

// Without the right to packets the table is all there is, and says so.
func TestWatchBlind(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	orderly(n, ln, port)
	expect(t, `
		w = assert(sock.watch{port = given.port, on = given.shy})
		print(w.source:find("no right to the packets", 1, true) ~= nil)
		`+untilScript+`
		given.net:act()
		till("established", function() local p = w:path() return p and last(p.client) == "ESTABLISHED" and last(p.server) == "ESTABLISHED" end)
		given.net:act()
		till("half closed", function() local p = w:path() return last(p.client) == "FIN_WAIT2" and last(p.server) == "CLOSE_WAIT" end)
		given.net:act()
		till("waiting", function() local p = w:path() return last(p.client) == "TIME_WAIT" and last(p.server) == "CLOSE" end)
		for _, e in ipairs(w:events()) do assert(e.by == "table" and e.seen) end
		w = nil
	`, "true", is("net", n), is("shy", &shy{n}), is("port", port))
}

// A connection that was there before the watch began is met where it is.
func TestWatchLate(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	orderly(n, ln, port)
	expect(t, `
		given.net:act()
		w = assert(sock.watch{port = given.port, on = given.net})
		`+untilScript+`
		local p = w:path()
		print(table.concat(p.client, " "), table.concat(p.server, " "))
		given.net:act()
		till("acknowledged", function() return last(w:path().client) == "FIN_WAIT2" end) -- that may be put off
		p = w:path()
		print(table.concat(p.client, " "), table.concat(p.server, " "), w:events()[1].from)
		w = nil
	`, "ESTABLISHED\tESTABLISHED\nESTABLISHED FIN_WAIT1 FIN_WAIT2\tESTABLISHED CLOSE_WAIT\tnil", is("net", n), is("port", port))
}

// The kernel takes no connection while the accept queue is full, though the last packet of the handshake has come.
func TestWatchFullQueue(t *testing.T) {
	n := newNetwork(t)
	_, port := n.listen(8, 5) // TCP_DEFER_ACCEPT: the acknowledgement alone is passed over
	n.act = func() error { n.connect(port); return nil }
	expect(t, `
		w = assert(sock.watch{port = given.port, on = given.net})
		given.net:act()
		`+untilScript+`
		till("half open", function() local p = w:path() return p and last(p.server) == "SYN_RECV" and last(p.client) == "ESTABLISHED" end)
		fiber.sleep(0.05)
		print(table.concat(w:path().client, " "), table.concat(w:path().server, " "))
		w = nil
	`, "SYN_SENT ESTABLISHED\tSYN_RECV", is("net", n), is("port", port))
}

// A watch, and a capture, that nobody stops ends with the script: the world's census says so.
func TestNeverStopped(t *testing.T) {
	n := newNetwork(t)
	_, port := n.listen(8, 0)
	expect(t, `
		for i = 1, 5 do
			assert(sock.watch{port = given.port, on = given.net})
			assert(sock.capture{on = given.net})
		end
		print(sock.mark("x"))
	`, "10", is("net", n), is("port", port))
}

func TestWatchMisuse(t *testing.T) {
	for src, want := range map[string]string{
		`sock.watch{}`:                                       "sock.watch: option 'port': a port or a conn expected, got neither",
		`sock.watch{port = 0}`:                               "option 'port': must be from 1 to 65535, got 0",
		`sock.watch{prot = 1}`:                               "option 'prot' unknown, did you mean 'port'?",
		`sock.watch{port = 1, conn = given.fd}`:              "a port or a conn, not both",
		`sock.watch{conn = given.fd}`:                        "option 'conn': a TCP connection expected",
		`sock.watch{conn = 5}`:                               "option 'conn': Conn expected, got 5",
		`sock.watch{port = 1, on = 5}`:                       "option 'on': a Host or {pid = n} expected, got 5",
		`sock.watch{port = 1, on = {}}`:                      "option 'on': a Host or {pid = n} expected, got table",
		`sock.watch{port = 1, on = {pid = 0}}`:               "option 'on': pid: the number of a process expected, got 0",
		`sock.watch{port = 1, on = {given.net, given.net}}`:  "option 'on': [2]: here is there twice",
		`sock.watch{port = 1, on = {given.net, 3}}`:          "option 'on': [2]: a Host or {pid = n} expected, got 3",
		`sock.list{on = {given.net}}`:                        "option 'on': a Host or {pid = n} expected, got table",
		`sock.capture{port = 70000}`:                         "must be from 1 to 65535",
		`sock.diagram()`:                                     "sock.diagram: argument 1 (watch): Watch or StatePath expected, got nothing",
		`sock.diagram(5)`:                                    "Watch or StatePath expected, got number",
		`sock.mark()`:                                        "sock.mark: argument 1 (text): string expected",
		`sock.watch{port = 1, on = given.net}:path("x")`:     "Watch:path: argument 1 (conn): address \"x\" has no port",
		`sock.watch{port = 1, on = given.net}:path(5)`:       "Conn or an address expected, got number",
		`sock.watch{port = 1, on = given.net}:save("x.txt")`: `the name ends in .pcapng`,
		`sock.watch{port = 1, on = given.net}:packets()`:     "Watch has no field \"packets\"",
		`sock.list{state = "TIMEWAIT", on = given.net}`:      `did you mean 'TIME_WAIT'?`,
	} {
		_, err := run(t, src, is("fd", &fakeConn{1}), is("net", newNetwork(t)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nsaid   %v\nwanted %s", src, err, want)
		}
	}
}

func TestCaptureWithoutTheRight(t *testing.T) {
	given := []lua.Const{is("shy", &shy{newNetwork(t)})}
	expect(t, `local k, err = sock.capture{on = given.shy} print(k, err.code, err)`,
		"nil\tEPERM\tcapture no right to receive packets here: a laboratory's hosts and the network of a script file give it; the prompt takes --private, or root", given...)
	if os.Getuid() != 0 {
		expect(t, `local k, err = sock.capture{} print(k, err.code)`, "nil\tEPERM")
	}
}

// What is saved is what others read: tcpdump the packets, anybody the lines.
func TestSave(t *testing.T) {
	n := newNetwork(t)
	ln, port := n.listen(8, 0)
	orderly(n, ln, port)
	dir := t.TempDir()
	expect(t, `
		local w = assert(sock.watch{port = given.port, on = given.net, packets = true})
		local k = assert(sock.capture{port = given.port, on = given.net})
		local silent = assert(sock.capture{port = 1, on = given.net})
		for i = 1, 3 do given.net:act() w:mark("step " .. i) end
		w:stop() k:stop()
		print(w:save(given.dir .. "/w.jsonl"), w:save(given.dir .. "/w.pcapng"), k:save(given.dir .. "/k.pcapng"))
		print(select(2, k:save(given.dir .. "/none/k.pcapng")).code)
		local p = k:packets()
		print(#p >= 6, p[1].flags, p[1].src:match(":.*") == p[2].dst:match(":.*"), p[1].seq, p[2].ack, p[1].ttl, p[1].dev, #p[1].frame == p[1].size, #silent:packets())
		print(tostring(k:ladder()):find("SYN+ACK seq=0 ack=1", 1, true) ~= nil, silent:ladder().text)
	`, "true\ttrue\ttrue\nENOENT\ntrue\tSYN\ttrue\t0\t1\t64\tlo\ttrue\t0\ntrue\tno packets", is("net", n), is("port", port), is("dir", dir))
	kinds := map[string]int{}
	text, err := os.ReadFile(filepath.Join(dir, "w.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for line := range strings.Lines(string(text)) {
		var e struct {
			T    float64
			Kind string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.T < last {
			t.Fatalf("%s: %v, after %v", line, err, last)
		}
		last = e.T
		kinds[e.Kind]++
	}
	if kinds["mark"] != 3 || kinds["packet"] < 6 || kinds["state"] != 10 {
		t.Errorf("%v", kinds)
	}
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("no tcpdump to judge")
	}
	for _, name := range []string{"w.pcapng", "k.pcapng"} {
		out, err := exec.Command(tcpdump, "-nn", "-r", filepath.Join(dir, name)).Output()
		if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); err != nil || len(lines) != kinds["packet"] || !strings.Contains(lines[0], "Flags [S]") || !strings.Contains(lines[1], "Flags [S.]") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
