package std

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// TestTLS is both ends of it in nsh, on every model that speaks it.
func TestTLS(t *testing.T) {
	for _, model := range []string{"iterative", "thread", "threadpool", "coroutine", "goroutine"} {
		t.Run(model, func(t *testing.T) {
			plugintest.New(t, All()...).Expect(`local model = "` + model + `"
local s = assert(server.start{model = model, tls = true, handler = function(conn)
  conn:send(conn:tls().version .. ", " .. conn:recv("line") .. "\n")
end})
local c = assert(client.dial(s.addr, {tls = {ca = s.ca, max = "1.2"}}))
c:send("hi\n")
print(c:recv("line"), c:recv())                                       --> TLS 1.2, hi	nil
c:close()
s:stop()
local ended = false
s = assert(server.start{model = model, tls = {alpn = {"b", "c"}}, on_open = function() return "welcome\n" end,
  on_data = function(conn, data) conn:send("> ") return data:upper() end, on_close = function(conn, err) ended = err == nil end})
c = assert(client.dial(s.addr, {tls = {ca = s.ca, alpn = {"a", "b"}, server_name = "localhost"}}))
print(c:recv("line"), c:tls().alpn, c:tls().version)                  --> welcome	b	TLS 1.3
c:send("hello\n")
print(c:recv("line"), select(2, c:recv(1, {timeout = 0.05})).code)    --> > HELLO	ETIMEDOUT
c:send("again\n")
print(c:recv("line"), c:shutdown("write"), c:recv())                  --> > AGAIN	true	nil
check.within(5, function() return ended end, "on_close")              --> ok   on_close
s:stop()
-- more than any buffer holds, in both directions at once
s = assert(server.start{model = model, tls = true, handler = "echo"})
c = assert(client.dial(s.addr, {tls = {ca = s.ca}}))
local big = ("x"):rep(2e6)
local sending = fiber.spawn(function() return c:send(big) end)
print(#assert(c:recv(2e6)), select(2, sending:join()))                --> 2000000	2000000
-- one who connects and says nothing keeps nobody else from being served, where a connection has a flow of its own
if model ~= "iterative" then
  local mute = assert(client.dial(s.addr))
  local d = assert(client.dial(s.addr, {tls = {ca = s.ca}}))
  d:send("x")
  print(d:recv())                                                     --> x
else
  print("x")
end
`)
		})
	}
}

// TestTLSRefused is what is wrong with a peer.
func TestTLSRefused(t *testing.T) {
	plugintest.New(t, All()...).Expect(`
local s = assert(server.start{model = "thread", handler = "echo", tls = true})
local plain = assert(server.start{model = "thread", handler = "echo"})
local function code(addr, o) o.timeout = 2 return select(2, client.dial(addr, o)).code end
print(code(s.addr, {tls = true}))                                        --> ETLSAUTHORITY
print(code(s.addr, {tls = {ca = s.ca, server_name = "other.test"}}))     --> ETLSNAME
print(code(plain.addr, {tls = true}))                                    --> ETLSRECORD
local old = assert(server.start{model = "goroutine", handler = "echo", tls = {max = "1.2"}})
print(code(old.addr, {tls = {ca = old.ca, min = "1.3"}}))                --> ETLSALERT
print(code("127.0.0.1:1", {tls = true}))                                 --> ECONNREFUSED
local c = assert(client.dial(s.addr))                                    -- who does not speak TLS to a server that does
c:send("GET / HTTP/1.0\r\n\r\n")
while s:stats().active > 0 do fiber.sleep(0.01) end
local why = next(s:stats().reasons)
print(why ~= nil and why:find("TLS") ~= nil)                             --> true
`)
	w := plugintest.New(t, All()...)
	for source, text := range map[string]string{
		`server.start{model = "epoll", handler = "echo", tls = true}`:                     "one flow for all its connections",
		`server.start{model = "prefork", handler = "echo", tls = true}`:                   "it is an option of iterative, thread",
		`server.start{model = "thread", handler = "echo", tls = 1}`:                       "true or a table expected",
		`server.start{model = "thread", handler = "echo", tls = {certs = "x"}}`:           "did you mean 'cert'",
		`server.start{model = "thread", handler = "echo", tls = {cert = "x", key = "y"}}`: "options 'cert' and 'key'",
		`server.start{model = "goroutine", handler = "echo", proto = "udp", tls = true}`:  "UDP has none",
		`server.start{model = "thread", on_readable = print, tls = true}`:                 "on_data gets what it says",
		`server.start{handler = "echo", addr = "unix:/x", reuse_port = true}`:             "one listener's",
		`client.dial("127.0.0.1:1", {tls = {ca = "none"}})`:                               "option 'ca'",
		`client.dial("127.0.0.1:1", {tls = {min = "1.3", max = "1.2"}})`:                  "above option 'max'",
		`client.dial("127.0.0.1:1", {proto = "udp", tls = true})`:                         "UDP has none",
		`client.dial("unix:/x", {ttl = 3})`:                                               "no router",
		`client.dial("127.0.0.1:1", {proto = "udp", no_delay = true})`:                    "only TCP",
		`client.dial("127.0.0.1:1", {proto = "sctp"})`:                                    "option 'proto'",
	} {
		w.Fails(source, text)
	}
}

// judge starts a server with TLS and gives its port, and a file with its authority.
func judge(t *testing.T, options string) (port, ca string) {
	t.Helper()
	w := plugintest.New(t, All()...)
	port = w.Value(`s = assert(server.start{` + options + `, tls = true}) return s.port`)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(w.Value(`return s.ca`)), 0o600); err != nil {
		t.Fatal(err)
	}
	return port, ca
}

// TestTLSAndOthers has openssl and curl judge it.
func TestTLSAndOthers(t *testing.T) {
	port, ca := judge(t, `model = "thread", handler = "echo"`)
	if _, err := exec.LookPath("openssl"); err == nil {
		cmd := exec.Command("openssl", "s_client", "-connect", "127.0.0.1:"+port, "-CAfile", ca, "-verify_return_error", "-verify_ip", "127.0.0.1", "-ign_eof")
		in, _ := cmd.StdinPipe()
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in.Write([]byte("from openssl\n"))
		time.AfterFunc(2*time.Second, func() { cmd.Process.Kill() }) // the server waits for more
		cmd.Wait()
		if text := out.String(); !strings.Contains(text, "Verify return code: 0 (ok)") || !strings.Contains(text, "\nfrom openssl\n") {
			t.Errorf("openssl: %s", text)
		}
	}
	if _, err := exec.LookPath("curl"); err == nil {
		port, ca := judge(t, `model = "goroutine", handler = "http"`)
		out, err := exec.Command("curl", "-sS", "--max-time", "10", "--cacert", ca, "https://localhost:"+port+"/").CombinedOutput()
		if err != nil || len(out) == 0 {
			t.Errorf("curl: %v: %s", err, out)
		}
		if out, err := exec.Command("curl", "-sS", "--max-time", "10", "https://localhost:"+port+"/").CombinedOutput(); err == nil {
			t.Errorf("curl trusts anybody: %s", out)
		}
	}
}

// TestUnixSockets has a server on a path, met by nsh and by Go's own client; and a Go server met by nsh.
func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, model := range []string{"iterative", "process", "prefork", "thread", "threadpool", "select", "poll", "epoll", "uring", "coroutine", "goroutine"} {
		w := plugintest.New(t, All()...)
		if w.Value(`for _, m in ipairs(server.models()) do if m.name == "`+model+`" then return m.available end end`) != "true" {
			continue
		}
		w.Expect(`
local s = assert(server.start{model = "` + model + `", addr = "unix:` + path + `", handler = "echo"})
local c = assert(client.dial(s.addr))
c:send("over a path\n")
print(c:recv("line"), c:state(), s.proto, c.peer_addr == s.addr)      --> over a path	ESTABLISHED	unix	true
c:shutdown("write")
print(c:recv())                                                       --> nil
print(select(2, server.start{addr = s.addr, handler = "echo"}).code)  --> EADDRINUSE
s:stop()
print(select(2, client.dial(s.addr)).code)                            --> ENOENT
`)
	}
	w := plugintest.New(t, All()...)
	w.Run(`s = assert(server.start{addr = "unix:` + path + `", handler = "echo"}) t = assert(server.start{addr = "unix:@nsh-test-" .. s.port .. "` + filepath.Base(t.TempDir()) + `", handler = "echo"})`)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 5)
	c.Write([]byte("hello"))
	if n, err := c.Read(buf); string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	w.Expect(`local c = assert(client.dial(t.addr)) c:send("abstract") print(c:recv())  --> abstract`)
}

// TestDatagramClient is client.dial with proto = "udp".
func TestDatagramClient(t *testing.T) {
	plugintest.New(t, All()...).Expect(`
local s = assert(server.start{proto = "udp", handler = "echo"})
local c = assert(client.dial(s.addr, {proto = "udp", ttl = 7}))
print(c:send("one"), c:send(""), c:send(("y"):rep(65507)))            --> 3	0	65507
print(c:recv(), c:recv() == "", #c:recv())                            --> one	true	65507
print(select(2, c:send(("y"):rep(65508))).code)                       --> EMSGSIZE
c:send("abcdef")
print(c:recv(3), select(2, c:recv{timeout = 0.05}).code)              --> abc	ETIMEDOUT
print(c:get("IP_TTL"), c:get("SO_TYPE"), c:state(), select(2, c:info()).code)  --> 7	2	ESTABLISHED	EOPNOTSUPP
print(select(2, c:reset()).code)                                      --> EOPNOTSUPP
c = assert(client.dial(s.addr, {proto = "udp", from = "127.0.0.9"}))
print(c.local_addr:match("^[%d.]+"))                                  --> 127.0.0.9
s:stop()
c:send("nobody listens")
print(select(2, c:recv{timeout = 5}).code)                            --> ECONNREFUSED
c:close()
print(pcall(c.recv, c))                                               --> false	test.lua:17: Conn:recv: the connection is closed
`)
}
