package std

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// each runs Lua on every model; MODEL is its name.
func each(t *testing.T, models []string, source string) {
	for _, m := range models {
		t.Run(m, func(t *testing.T) {
			plugintest.NeedsModel(t, m, All()...)
			w := plugintest.New(t, All()...)
			defineIn(t, w, m)
			if out, err := w.Run(fmt.Sprintf("local MODEL = %q\n%s", m, source)); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

var (
	everyModel  = append([]string{"iterative", "thread", "threadpool", "select", "poll", "epoll", "uring", "coroutine", "goroutine"}, luaModels...)
	flowModels  = []string{"iterative", "thread", "threadpool", "coroutine", "goroutine", "my-coroutine"}
	loopModels  = []string{"select", "poll", "epoll", "uring", "my-select", "my-poll", "my-epoll"}
	luaModels   = []string{"my-select", "my-poll", "my-epoll", "my-coroutine"}
	oneFlow     = []string{"iterative", "select", "poll", "epoll", "uring"}
	manyFlows   = []string{"thread", "threadpool", "coroutine", "goroutine"}
	conformance = `
local function eventually(what, f)
  local t = fiber.now()
  while fiber.now() - t < 5 do if f() then return end fiber.sleep(0.002) end
  error("never: " .. what, 2)
end`
)

func TestEventHandlers(t *testing.T) {
	each(t, everyModel, conformance+`
local seen = {}
local s = assert(server.start{model = MODEL,
  on_open = function(conn) seen[#seen + 1] = "open" return "hello\n" end,
  on_data = function(conn, data)
    assert(conn == s_conn or not s_conn) s_conn = conn
    seen[#seen + 1] = data
    if data == "bye" then conn:close() return end
    return data:upper()
  end,
  on_close = function(conn, err) seen[#seen + 1] = "close " .. tostring(err) end})
local c = assert(client.dial(s.addr))
assert(c:recv("line") == "hello")
c:send("abc") assert(c:recv(3) == "ABC")
assert(#s:conns() == 1 and s:conns()[1].peer_addr == c.local_addr)
c:send("bye") assert(c:recv() == nil)
eventually("close", function() return seen[#seen] == "close nil" end)
assert(table.concat(seen, " ") == "open abc bye close nil", table.concat(seen, " "))
eventually("stats", function() local st = s:stats() return st.closed == 1 and st.active == 0 end)
local st = s:stats()
assert(st.accepted == 1 and st.bytes_in == 6 and st.bytes_out == 9, st.bytes_in .. " " .. st.bytes_out)`)
}

// What a stop brings about is nobody's error, though a script's on_close is not called any more.
func TestStopIsNoError(t *testing.T) {
	each(t, everyModel, conformance+`
local s = assert(server.start{model = MODEL, on_data = function(conn, data) return data end, on_close = function() end})
local c = assert(client.dial(s.addr))
c:send("x") assert(c:recv(1, {timeout = 5}) == "x")
s:stop()
assert(s:stats().errors == 0 and s:stats().active == 0, next(s:stats().reasons))`)
}

func TestReadable(t *testing.T) {
	each(t, everyModel, `
local got, again = {}, nil
local s = assert(server.start{model = MODEL, on_readable = function(conn)
  local data = conn:recv(2)
  if data == nil then return end
  got[#got + 1] = data
  if #got == 3 then local none, err = conn:recv() again = err and err.code conn:send("done") end
end})
local c = assert(client.dial(s.addr))
c:send("aabbcc")
assert(c:recv(4, {timeout = 5}) == "done")
assert(table.concat(got, ",") == "aa,bb,cc", table.concat(got, ","))
assert(again == "EAGAIN", tostring(again))`)
}

func TestSendLimit(t *testing.T) {
	each(t, everyModel, `
local refused, writable
local s = assert(server.start{model = MODEL, send_limit = 65536,
  on_data = function(conn)
    for i = 1, 1e4 do
      local n, err = conn:send(("x"):rep(65536))
      if not n then refused = err.code break end
    end
  end,
  on_writable = function(conn) writable = true conn:send("END") conn:close() end})
local c = assert(client.dial(s.addr))
c:send("go")
local total, last = 0, ""
while true do
  local d = c:recv({timeout = 10})
  if not d then break end
  total, last = total + #d, (last .. d):sub(-3)
end
assert(refused == "EAGAIN", tostring(refused))
assert(writable and last == "END", last)
assert((total - 3) % 65536 == 0, total)`)
}

func TestLinear(t *testing.T) {
	each(t, slices.Concat(flowModels, apartModels), `
local s = assert(server.start{model = MODEL, handler = function(conn)
  for line in function() return conn:recv("line") end do
    if line == "info" then conn:send(conn:info().state .. " " .. conn:state() .. "\n")
    elseif line == "five" then conn:send("<" .. conn:recv(5) .. ">\n")
    elseif line == "late" then local d, err = conn:recv({timeout = 0.05}) conn:send(tostring(d) .. " " .. err.code .. "\n")
    else conn:send(line:reverse() .. "\n") end
  end
end})
local c = assert(client.dial(s.addr, {no_delay = true}))
c:send("abc\ninfo\n")
assert(c:recv("line") == "cba")
assert(c:recv("line") == "ESTABLISHED ESTABLISHED")
c:send("five\n12345") assert(c:recv("line") == "<12345>")
c:send("late\n") assert(c:recv("line") == "nil ETIMEDOUT")
c:shutdown() assert(c:recv() == nil)
local none, err = client.dial(s.addr)
assert(none, err)
none:send("ab") none:shutdown()
assert(none:recv(10) == nil)
s:stop()
none, err = client.dial(s.addr)
assert(none == nil and err.code == "ECONNREFUSED", tostring(err))`)
	each(t, loopModels, `
local ok, err = pcall(server.start, {model = MODEL, handler = function() end})
assert(not ok and err:find("one flow") and err:find("goroutine"), err)`)
}

// What computes takes turns, on every model: one at a time runs Lua.
func TestSharedMemory(t *testing.T) {
	each(t, everyModel, `
local n = 0
local s = assert(server.start{model = MODEL, on_data = function(conn, data) n = n + #data return "ok" end})
for i = 1, 20 do
  local c = assert(client.dial(s.addr))
  c:send(("x"):rep(i)) assert(c:recv(2) == "ok") c:close()
end
assert(n == 210, n)`)
}

func TestServerMisuse(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`server.start{model = "epol", handler = "echo"}`: "server.start: option 'model': \"epol\" unknown, did you mean 'epoll'?",
		`server.start{}`:                                                                               "server.start: option 'handler': nothing to do",
		`server.start{handler = "ech"}`:                                                                "native handlers are chargen",
		`server.start{handler = "echo", on_data = print}`:                                              "given together with on_data",
		`server.start{on_readable = print, on_data = print}`:                                           "given together with on_data",
		`server.start{handler = "echo", addr = "nonsense"}`:                                            "option 'addr'",
		`server.start{handler = "echo", addr = "127.0.0.1:70000"}`:                                     "option 'addr'",
		`client.dial("127.0.0.1:port")`:                                                                "client.dial: argument 1 (addr)",
		`client.dial(("a"):rep(256) .. ":1")`:                                                          "client.dial: argument 1 (addr)",
		`client.open{n = 3}`:                                                                           "client.open: option 'to': string expected, got nothing",
		`client.open{to = "127.0.0.1:1", n = 0}`:                                                       "option 'n': must be from 1",
		`local s = server.start{handler = "echo"} s:stop() s:conns()[1]:send()`:                        "attempt to index",
		`local s = server.start{handler = "echo"} local c = client.dial(s.addr) c:close() c:send("x")`: "Conn:send: the connection is closed",
		`local s = server.start{handler = "echo"} client.dial(s.addr):set("SO_RCVBUFF", 1)`:            "did you mean 'SO_RCVBUF'?",
	} {
		w.Fails(source, want)
	}
	w.Expect(`local s = assert(server.start{handler = "echo"})
local none, err = server.start{handler = "echo", addr = s.addr}
print(none, err.code, err.op, err.addr == s.addr)  --> nil	EADDRINUSE	listen	true
none, err = client.dial("127.0.0.1:1", {timeout = 1})
print(none, err)  --> nil	dial 127.0.0.1:1: connection refused
local crowd = client.open{to = "127.0.0.1:1", n = 5}
print(crowd.n, crowd:stats().refused, crowd:stats().errors.ECONNREFUSED)  --> 0	5	5
local c = client.dial(s.addr)
c:set("TCP_NODELAY", true)
print(c:get("TCP_NODELAY"))  --> 1`)
}

// What a script leaves open is closed with it, and an interrupted call at once.
func TestScopes(t *testing.T) {
	w := plugintest.New(t, All()...)
	if _, err := w.Run(`
for i = 1, 50 do
  local s = server.start{model = "thread", handler = function(conn) conn:recv() end}
  for j = 1, 5 do client.dial(s.addr) end
end
client.open{to = server.start{handler = "echo"}.addr, n = 200}
fiber.spawn(function() client.dial(server.start{model = "goroutine", handler = "discard"}.addr):recv() end)
fiber.sleep(0.1)`); err != nil {
		t.Fatal(err)
	}
}
