package std

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"golang.org/x/sys/unix"
)

// TestBehaviours has each kind of client that misbehaves meet a server of nsh, alone and in a crowd, and asks ss what came of
// it.
func TestBehaviours(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("there is no ss")
	}
	// what is to be seen of three connections: at the server's end, and at the client's.
	for _, c := range []struct {
		name, server, behaviour, meanwhile string
		holds                              func(server, client []ssRow) bool
	}{
		{"silent", `model = "epoll", handler = "echo"`, `client.silent()`, "", func(s, c []ssRow) bool {
			return all(s, 3, "ESTAB", func(r ssRow) bool { return r.recv == "0" && r.send == "0" }) && all(c, 3, "ESTAB", nil)
		}},
		{"never reads", `model = "epoll", handler = "chargen"`, `client.never_reads{buffer = 8192}`, "", func(s, c []ssRow) bool {
			return all(s, 3, "ESTAB", func(r ssRow) bool { return r.send != "0" }) && all(c, 3, "ESTAB", func(r ssRow) bool { return r.recv != "0" })
		}},
		{"asks and never reads", `model = "thread", handler = "echo"`, `client.never_reads{data = ("x"):rep(4096)}`, "", func(s, c []ssRow) bool {
			return all(s, 3, "ESTAB", func(r ssRow) bool { return r.send != "0" && r.recv != "0" }) &&
				all(c, 3, "ESTAB", func(r ssRow) bool { return r.recv != "0" && r.send != "0" })
		}},
		{"half close", `model = "goroutine", handler = function(conn) conn:recv(5) conn:recv() fiber.sleep(60) end`, `client.half_close{data = "hello"}`, "",
			func(s, c []ssRow) bool { return all(s, 3, "CLOSE-WAIT", nil) && all(c, 3, "FIN-WAIT-2", nil) }},
		{"half close, and an answer", `model = "goroutine", handler = function(conn) conn:recv(5) conn:recv() conn:send("well") end`, `client.half_close{data = "hello"}`, "",
			func(s, c []ssRow) bool { return all(s, 0, "ESTAB", nil) && all(c, 3, "TIME-WAIT", nil) }},
		{"resets", `model = "thread", handler = "chargen"`, `client.resets{after = 1000}`, "", func(s, c []ssRow) bool { return all(s, 0, "ESTAB", nil) && all(c, 0, "ESTAB", nil) }},
		{"vanishes", `model = "goroutine", handler = function(conn) fiber.sleep(0.5) conn:send("are you there?") fiber.sleep(60) end`, `client.vanishes()`, "",
			func(s, c []ssRow) bool {
				return all(s, 3, "ESTAB", func(r ssRow) bool { return r.send == "14" && strings.Contains(r.timer, "on,") }) &&
					all(c, 3, "ESTAB", func(r ssRow) bool { return r.recv == "0" })
			}},
		{"slow", `model = "thread", handler = "echo"`, `client.slow{bytes_per_second = 100, data = "GET /"}`,
			`while s:stats().bytes_in < 30 do fiber.sleep(0.01) end`, func(s, c []ssRow) bool { return all(s, 3, "ESTAB", nil) && all(c, 3, "ESTAB", nil) }},
	} {
		for how, open := range map[string]string{
			"crowd": `crowd = assert(client.open{to = s.addr, n = 3, behaviour = %s})`,
			"dial":  `crowd = {} for i = 1, 3 do crowd[i] = assert(client.dial(s.addr, {behaviour = %s})) end`,
		} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				if c.name == "vanishes" {
					needsFilters(t)
				}
				w := plugintest.New(t, All()...)
				port := w.Value(fmt.Sprintf("s = assert(server.start{%s}) "+open+" %s return s.port", c.server, c.behaviour, c.meanwhile))
				deadline := time.Now().Add(10 * time.Second)
				for {
					server, client := ss(t, "sport", port), ss(t, "dport", port)
					if c.holds(server, client) {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("port %s\nserver: %v\nclient: %v", port, server, client)
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
	}
}

// needsFilters skips where the kernel keeps socket filters from this user.
func needsFilters(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	all := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &all[0]}); err == unix.EPERM {
		t.Skip("socket filters are not for this user here")
	}
}

// An ssRow is a line of ss, without the listener's.
type ssRow struct{ state, recv, send, timer string }

func ss(t *testing.T, end, port string) (rows []ssRow) {
	t.Helper()
	out, err := exec.Command("ss", "-Htano", fmt.Sprintf("( %s = :%s )", end, port)).CombinedOutput()
	if err != nil {
		t.Fatalf("ss: %v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] == "LISTEN" {
			continue
		}
		rows = append(rows, ssRow{f[0], f[1], f[2], strings.Join(f[5:], " ")})
	}
	return rows
}

// all says whether there are n rows, in a state and with something more. What is in TIME_WAIT otherwise is somebody else's,
// who had the port before.
func all(rows []ssRow, n int, state string, more func(ssRow) bool) bool {
	if state == "TIME-WAIT" && len(rows) > n {
		rows = rows[:n]
	}
	if state != "TIME-WAIT" {
		rows = slices.DeleteFunc(rows, func(r ssRow) bool { return r.state == "TIME-WAIT" })
	}
	for _, r := range rows {
		if r.state != state || more != nil && !more(r) {
			return false
		}
	}
	return len(rows) == n
}

// TestCrowdOfThousands is a crowd that one process does not hold, with part of it in a worker, seen from a script.
func TestCrowdOfThousands(t *testing.T) {
	plugintest.New(t, All()...).Expect(`
local s = assert(server.start{model = "epoll", handler = "echo", backlog = 4096})
local crowd = assert(client.open{to = s.addr, n = 6000})
local stats = crowd:stats()
print(stats.opened, stats.open, next(stats.errors))                   --> 6000	6000	nil
print(crowd:send("ping"), crowd:recv(4), s:stats().accepted)          --> 6000	6000	6000
local c = assert(crowd:conn(6000))
c:send("hello\n")
print(c:recv("line"), c == crowd:conn(6000), crowd.n)                 --> hello	true	6000
crowd:part(1, 1000):reset()
print(crowd.n, crowd:part(1, 1000).n, crowd:part(5001, 6000).n)       --> 5000	0	1000
local ok, err = crowd:conn(1)
print(ok, err.code)                                                   --> nil	EBADF
c:close()
print(crowd.n)                                                        --> 4999
crowd:reset()
print(crowd.n, crowd:stats().opened, crowd:stats().workers)           --> 0	6000	0
`)
}

func TestCrowdMistakes(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, text := range map[string]string{
		`client.open{to = "127.0.0.1:1", n = 1.5}`:                                                            "option 'n': whole number expected",
		`client.open{to = "127.0.0.1:1", behaviour = "slow"}`:                                                 "option 'behaviour'",
		`client.open{to = "unix:"}`:                                                                           "has no path",
		`client.open{to = "unix:/" .. ("x"):rep(200)}`:                                                        "a unix socket has room for 107",
		`client.slow{data = ""}`:                                                                              "client.silent{}",
		`client.slow{bytes_per_second = 0}`:                                                                   "option 'bytes_per_second': must be from 0.001",
		`client.resets{after = 0}`:                                                                            "option 'after': must be",
		`client.open{to = "127.0.0.1:1", n = 3}:part(2, 4)`:                                                   "last",
		`client.open{to = "127.0.0.1:1", n = 3}:part(0, 1)`:                                                   "first",
		`client.open{to = "127.0.0.1:1", n = 3}:conn(4)`:                                                      "from 1 to 3 expected, got 4",
		`client.open{to = "127.0.0.1:1", n = 3}:shutdown("wirte")`:                                            "wirte",
		`assert(client.open{to = "[::1]:1", n = 90000})`:                                                      "ip_local_port_range",
		`assert(client.open{to = "127.0.0.1:1", n = 90000000})`:                                               "would work",
		`local c = client.open{to = "127.0.0.1:1", n = 2} assert(c:conn(1))`:                                  "ECONNREFUSED",
		`local c = client.open{to = "127.0.0.1:1", from = "192.0.2.1"} assert(c.n>0, next(c:stats().errors))`: "EADDRNOTAVAIL",
	} {
		w.Fails(source, text)
	}
}

// TestCrowdPorts has a crowd meet the end of a host's ports, before and in the middle.
func TestCrowdPorts(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	plugintest.New(t, All()...).Expect(`
local l, a, b = assert(lab.line("a", "b"))
a:sysctl("net.ipv4.ip_local_port_range", "40000 40019")
local s = assert(server.start{handler = "echo", on = b, addr = "b:7001"})
local none, err = client.open{to = s.addr, n = 21, on = a}
print(none, err.code, err.message:match("n = %d+ would work"))        --> nil	EADDRNOTAVAIL	n = 20 would work
local first = client.open{to = s.addr, n = 15, on = a}
local crowd = client.open{to = s.addr, n = 15, on = a}
local stats = crowd:stats()
print(first.n, crowd.n, stats.errors.EADDRNOTAVAIL, stats.limit)      --> 15	5	10	ports: the source address has none left for this peer (net.ipv4.ip_local_port_range)
print(select(2, crowd:conn(6)).code)                                  --> EADDRNOTAVAIL
`)
}

// TestCrowdInLaboratory has workers hold sockets of a laboratory's host.
func TestCrowdInLaboratory(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	plugintest.New(t, All()...).Expect(`
local l, a, b = assert(lab.line("a", "b"))
local s = assert(server.start{handler = "echo", on = b, addr = "b:7001", backlog = 4096})
local crowd = assert(client.open{to = "b:7001", n = 5500, on = a})
print(crowd.n, crowd:stats().workers, crowd:send("ping"), crowd:recv(4))   --> 5500	1	5500	5500
print(sock.states{on = a}.ESTABLISHED, crowd:conn(5500).local_addr:match("^[%d.]+") == a.addrs[1])  --> 5500	true
l:close()
print(crowd.n)  --> 0
`)
}
