package std

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

var (
	datagramModels = []string{"iterative", "select", "poll", "epoll", "goroutine"}
	datagramFlows  = []string{"iterative", "goroutine"}
)

// udpPlugin gives scripts of the tests a client: udp.ask sends one datagram and is the answer, or nil.
func udpPlugin() plugins.Plugin {
	ask := func(ctx context.Context, addr, data string, wait time.Duration) (string, error) {
		c, err := net.Dial("udp", addr)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Write([]byte(data)); err != nil {
			return "", err
		}
		c.SetDeadline(time.Now().Add(wait))
		buf := make([]byte, 1<<16)
		n, err := c.Read(buf)
		return string(buf[:n]), err
	}
	return plugins.Plugin{Name: "udp", Doc: "A client.", Modules: []lua.Module{{Name: "udp", Doc: "A client.",
		Funcs: []lua.Func{{Name: "ask", Params: "addr, data, seconds", Call: ask, Doc: "Asks."}}}}}
}

func eachDatagram(t *testing.T, models []string, source string) {
	for _, m := range models {
		t.Run(m, func(t *testing.T) {
			w := plugintest.New(t, append(All(), udpPlugin())...)
			if out, err := w.Run(fmt.Sprintf("local MODEL = %q\n%s%s", m, conformance, source)); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestDatagrams(t *testing.T) {
	eachDatagram(t, datagramModels, `
local s = assert(server.start{model = MODEL, proto = "udp", on_data = function(conn, data)
  if data == "who" then return conn.peer_addr .. " to " .. conn.local_addr end
  if data == "twice" then assert(conn:send("first") == 5) conn:send("second") return end
  if data == "long" then local n, err = conn:send(("x"):rep(65508)) return tostring(n) .. " " .. err.code end
  if data == "state" then return conn:state() .. " " .. tostring(conn) end
  if data == "silence" then return end
  if data == "fail" then error("asked to") end
  if data == "number" then return 17 end
  return data
end})
assert(s.proto == "udp" and #s:conns() == 0)
assert(udp.ask(s.addr, "hello", 5) == "hello")
assert(udp.ask(s.addr, "", 5) == "")
local long = ("x"):rep(65507)
assert(udp.ask(s.addr, long, 5) == long)
local me, it = udp.ask(s.addr, "who", 5):match("(127.0.0.1:%d+) to (.*)")
assert(me and it == s.addr)
assert(udp.ask(s.addr, "twice", 5) == "first")
assert(udp.ask(s.addr, "long", 5) == "nil EMSGSIZE")
assert(udp.ask(s.addr, "state", 5):find("^CLOSE Conn 127"))
assert(udp.ask(s.addr, "silence", 0.05) == nil)
assert(udp.ask(s.addr, "fail", 0.05) == nil)
assert(udp.ask(s.addr, "number", 0.05) == nil)
assert(udp.ask(s.addr, "still there", 5) == "still there")
eventually("the counters", function() local st = s:stats() return st.accepted == 11 and st.closed == 11 and st.active == 0 end)
assert(s:stats().errors == 2, s:stats().errors)
local none, err = server.start{model = MODEL, proto = "udp", addr = s.addr, handler = "echo"}
assert(none == nil and err.code == "EADDRINUSE", tostring(err))
s:stop()
s = assert(server.start{model = MODEL, proto = "udp", addr = s.addr, handler = "echo"})`)
}

// A linear handler has one datagram to receive, and then the end.
func TestLinearDatagrams(t *testing.T) {
	eachDatagram(t, datagramFlows, `
local ends = 0
local s = assert(server.start{model = MODEL, proto = "udp", handler = function(conn)
  local data = conn:recv()
  if data == "lines\na\nb\n" then conn:send("?") return end
  conn:send(data)
  assert(conn:recv() == nil)
  ends = ends + 1
end})
assert(udp.ask(s.addr, "hello", 5) == "hello")
assert(udp.ask(s.addr, "", 5) == "")
local long = ("x"):rep(65507)
assert(udp.ask(s.addr, long, 5) == long)
eventually("three ends", function() return ends == 3 end)
s = assert(server.start{model = MODEL, proto = "udp", handler = function(conn)
  local a, b, three = conn:recv("line"), conn:recv("line"), conn:recv(3)
  local rest, err = conn:recv(10)
  conn:send(a .. "|" .. b .. "|" .. three .. "|" .. err.code .. "|" .. err.partial)
end})
assert(udp.ask(s.addr, "one\ntwo\nthree", 5) == "one|two|thr|EOF|ee")`)
}

// Whom a handler that waits makes wait, over UDP.
func TestWhoWaitsForDatagrams(t *testing.T) {
	const measure = `
local s = assert(server.start{model = MODEL, proto = "udp", on_data = function(conn, data)
  if data == "slow" then fiber.sleep(0.3) end
  return data
end})
local slow = fiber.spawn(function() return udp.ask(s.addr, "slow", 5) end)
eventually("the slow one has come", function() return s:stats().active == 1 end)
local t = fiber.now()
assert(udp.ask(s.addr, "quick", 5) == "quick")
local waited = fiber.now() - t
local _, answer = slow:join() assert(answer == "slow")
`
	eachDatagram(t, []string{"iterative", "select", "poll", "epoll"}, measure+`assert(waited > 0.15, waited)`)
	eachDatagram(t, []string{"goroutine"}, measure+`assert(waited < 0.15, waited)`)
}

// A peer can be answered later, from a fiber, as long as the server lives.
func TestKeptPeers(t *testing.T) {
	eachDatagram(t, datagramModels, `
local peer
local s = assert(server.start{model = MODEL, proto = "udp", on_data = function(conn, data)
  peer = conn
  fiber.spawn(function() fiber.sleep(0.05) conn:send("later") end)
end})
assert(udp.ask(s.addr, "hello", 5) == "later")
local none, err = peer:shutdown()
assert(none == nil and err.code == "EOPNOTSUPP", tostring(err))
none, err = peer:reset()
assert(none == nil and err.code == "EOPNOTSUPP", tostring(err))
s:stop()
local ok
ok, err = pcall(peer.send, peer, "x")
assert(not ok and tostring(err):find("closed"), tostring(err))`)
}

func TestDatagramMisuse(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`server.start{proto = "udp", model = "thread", handler = "echo"}`:              "option 'proto': the model 'thread' serves connections only, and UDP has none; it is an option of iterative, select, poll, epoll, goroutine",
		`server.start{proto = "udp", model = "coroutine", handler = function() end}`:   "option 'proto'",
		`server.start{proto = "udp", handler = "http"}`:                                "option 'handler': 'http' needs a connection",
		`server.start{proto = "udp", on_data = print, on_open = print}`:                "option 'on_open': UDP has no connections that could be opened",
		`server.start{proto = "udp", on_data = print, on_close = print}`:               "option 'on_close': UDP has no connections that could end",
		`server.start{proto = "udp", on_readable = print}`:                             "option 'on_readable': a datagram is read whole or lost",
		`server.start{proto = "udp", on_data = print, on_writable = print}`:            "option 'on_writable'",
		`server.start{proto = "udp", on_data = print, trigger = "edge"}`:               "option 'trigger'",
		`server.start{proto = "udp", model = "epoll", handler = function(conn) end}`:   "one flow",
		`server.start{proto = "upd", handler = "echo"}`:                                "did you mean 'udp'?",
		`server.start{proto = "udp", model = "select", handler = "echo", workers = 2}`: "has no workers",
	} {
		w.Fails(source, want)
	}
}
