package std

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

func TestLoadMisuse(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`client.load{}`:                                                   "option 'to': string expected, got nothing",
		`client.load{to = ":1", n = 0}`:                                   "option 'n': must be from 1",
		`client.load{to = ":1", seconds = 1, requests = 1}`:               "option 'requests': given together with seconds",
		`client.load{to = ":1", seconds = 0}`:                             "option 'seconds': at least 0.001",
		`client.load{to = ":1", requests = 0}`:                            "option 'requests': must be at least 1",
		`client.load{to = ":1", requests = 1.5}`:                          "option 'requests': whole number",
		`client.load{to = ":1", rate = 0}`:                                "option 'rate': from 0.001",
		`client.load{to = ":1", rate = 0/0}`:                              "option 'rate'",
		`client.load{to = ":1", payload = 0}`:                             "option 'payload': from 1 to",
		`client.load{to = ":1", payload = ""}`:                            "option 'payload': from 1 to",
		`client.load{to = ":1", payload = {}}`:                            "option 'payload': a string or a number of bytes expected, got table",
		`client.load{to = ":1", mode = "ecko"}`:                           "option 'mode': \"ecko\" unknown, did you mean 'echo'?",
		`client.load{to = ":1", mode = 5}`:                                "option 'mode': a name or function(conn) expected, got number",
		`client.load{to = ":1", mode = "churn", depth = 2}`:               "option 'depth': a connection of this mode has one request",
		`client.load{to = ":1", n = 100000, depth = 4096}`:                "option 'depth': 100000 connections",
		`client.load{to = ":1", path = "/"}`:                              "option 'path': only mode \"http\"",
		`client.load{to = ":1", mode = "http", path = "page"}`:            "option 'path': something like",
		`client.load{to = ":1", mode = "http", payload = 1}`:              "option 'payload': mode \"echo\"",
		`client.load{to = ":1", mode = function() end, threads = 2}`:      "option 'threads'",
		`client.load{to = "nonsense"}`:                                    "option 'to': address \"nonsense\" has no port",
		`client.load{to = ":1", from = "x y"}`:                            "option 'from'",
		`client.load{to = ":1", timeout = 0}`:                             "option 'timeout'",
		`client.load{to = ":1", second = 1}`:                              "did you mean 'seconds'?",
		`assert(client.load{to = ":1", requests = 1}).reqests = 1`:        "reqests",
		`assert(client.load{to = ":1", requests = 1}):percentile(101)`:    "from 0 to 100",
		`assert(client.load{to = ":1", requests = 1}):merge("something")`: "Load:merge: argument 1 (other)",
	} {
		w.Fails(source, want)
	}
	w.Expect(`local l = assert(client.load{to = "127.0.0.1:1", n = 3})
print(l.requests, l.errors.ECONNREFUSED, l.failed, l.rate, l.p99, l.stopped)  --> 0	3	3	0	0	no connection could be opened
print(#l.histogram, #l.by_second, l.loop, l.mode)  --> 0	0	closed	echo
local none, err = client.load{to = "127.0.0.1:1", n = 100000}
print(none, err.code, err.message:find("RLIMIT_NOFILE", 1, true) ~= nil)  --> nil	EMFILE	true`)
}

// The load finds the same in every mode on every model.
func TestLoadModels(t *testing.T) {
	each(t, []string{"iterative", "thread", "threadpool", "prefork", "select", "poll", "epoll", "uring", "coroutine", "goroutine"}, `
local n = MODEL == "iterative" and 1 or 4
local s = assert(server.start{model = MODEL, handler = "echo"})
for _, o in ipairs{{}, {depth = 5, payload = 1000}, {mode = "churn"}, {rate = 3000}} do
  o.to, o.n, o.requests = s.addr, n, 200
  local l = assert(client.load(o))
  assert(l.requests == 200 and l.failed == 0 and l.answered == n, tostring(l))
  assert(l.bytes_in == 200 * (o.payload or 64) and l.bytes_out == l.bytes_in, l.bytes_in)
end
s:stop()
s = assert(server.start{model = MODEL, handler = "http"})
local l = assert(client.load{to = s.addr, mode = "http", n = n, requests = 100})
assert(l.requests == 100 and l.failed == 0, tostring(l))`)
}

// A function is called once for each connection, by several at a time, in a scope and a fiber of its own.
func TestLoadFunction(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`
local s = assert(server.start{model = "coroutine", handler = function(conn)
  for line in function() return conn:recv("line") end do conn:send(line .. "\n") end
end})
local calls, at_once, most, opened = 0, 0, 0, {}
local l = assert(client.load{to = s.addr, n = 5, requests = 50, mode = function(conn)
  calls, at_once = calls + 1, at_once + 1
  most = math.max(most, at_once)
  opened[#opened + 1] = conn
  conn:send("hello\n")
  assert(conn:recv("line") == "hello")
  fiber.sleep(0.005)
  at_once = at_once - 1
end})
print(l.requests, l.failed, calls, most, l.mode)  --> 50	0	50	5	function
assert(l.p50 >= 0.005 and s:stats().accepted == 50)
print(pcall(opened[1].send, opened[1], "x"))  --> false	test.lua:17: Conn:send: the connection is closed
-- the errors of the function, and the world's by their codes
l = assert(client.load{to = s.addr, n = 2, requests = 6, mode = function(conn) assert(conn:recv(1, {timeout = 0.01})) end})
print(l.requests, l.failed, l.errors.ETIMEDOUT)  --> 0	6	6
-- by the clock: what is running then is cancelled
l = assert(client.load{to = s.addr, n = 3, seconds = 0.1, mode = function(conn) conn:recv(1) end})
print(l.requests, l.failed, l.unanswered)  --> 0	0	3
l = assert(client.load{to = s.addr, n = 3, requests = 20, rate = 200, mode = function(conn) end})
print(l.requests, l.loop, l.seconds >= 0.09)  --> 20	open	true
l = assert(client.load{to = "127.0.0.1:1", n = 1, mode = print})
print(l.requests, l.errors.ECONNREFUSED, l.stopped)  --> 0	6	every connection failed again and again`)
	out, err := w.Run(`local s = assert(server.start{handler = "echo"})
local l = client.load{to = s.addr, n = 2, requests = 4, mode = function(conn) conn:sned() end}
print(l.requests, l.errors.ERROR)`)
	if err != nil || strings.Count(out, "did you mean 'send'?") != 1 || !strings.Contains(out, "0\t4") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Clients that misbehave, one after the other; and what the server does about it.
func TestLoadBehaviour(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`
local s = assert(server.start{model = "epoll", handler = "echo"})
for _, b in ipairs{client.resets{data = "hello", after = 3}, client.half_close{data = "x"}} do
  local l = assert(client.load{to = s.addr, n = 3, requests = 12, behaviour = b})
  print(l.mode, l.requests, l.failed)
end
--> behaviour	12	0
--> behaviour	12	0
local l = assert(client.load{to = s.addr, n = 3, seconds = 0.1, behaviour = client.slow{bytes_per_second = 1}})
print(l.requests, l.failed, l.unanswered)  --> 0	0	3
-- a server that lets nobody sit there
local strict = assert(server.start{model = "goroutine", handler = function(conn) conn:recv({timeout = 0.02}) end})
l = assert(client.load{to = strict.addr, n = 2, requests = 6, behaviour = client.silent{}})
print(l.requests, l.failed, l.errors.EOF)  --> 0	6	6`)
	w.Fails(`client.load{to = ":1", mode = "echo", behaviour = client.silent{}}`, "option 'behaviour': given together with mode")
	w.Fails(`client.load{to = ":1", depth = 2, behaviour = client.silent{}}`, "option 'depth'")
	w.Fails(`client.load{to = "unix:/x", behaviour = client.silent{}}`, "option 'behaviour': it is one of TCP")
	w.Fails(`client.load{to = "unix:"}`, "option 'to'")
	w.Expect(`local path = os.tmpname() os.remove(path)
local s = assert(server.start{handler = "echo", addr = "unix:" .. path})
for _, mode in ipairs{"echo", "churn", function(conn) conn:send("x") assert(conn:recv(1) == "x") end} do
  local l = assert(client.load{to = "unix:" .. path, n = 4, requests = 100, mode = mode})
  print(l.requests, l.failed)
end
--> 100	0
--> 100	0
--> 100	0
s:stop()
print(client.load{to = "unix:" .. path, n = 1}.errors)  --> ENOENT  1`)
}

// People see a summary that fits the terminal, programs the fields.
func TestLoadShown(t *testing.T) {
	w := plugintest.New(t, All()...)
	chunk, err := lua.Compile("test.lua", `local s = assert(server.start{handler = "echo"})
return assert(client.load{to = s.addr, n = 4, requests = 400})`)
	if err != nil {
		t.Fatal(err)
	}
	vs, err := w.Exec(t.Context(), chunk)
	if err != nil {
		t.Fatal(err)
	}
	node := w.Show(vs[0])
	text := show.Text(node, show.Options{Width: 80})
	for _, want := range []string{"echoes of 64 bytes, 127.0.0.1:", "closed loop", "400 requests in", "no errors", "p99.99", "█"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if show.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
	json := show.JSON(node)
	for _, want := range []string{`"requests":400`, `"errors":{}`, `"histogram":[{"from":`, `"loop":"closed"`} {
		if !strings.Contains(json, want) {
			t.Errorf("no %s in %s", want, json)
		}
	}
	if got := w.Value(`return tostring(client.load{to = "127.0.0.1:1", n = 1})`); got != "Load of 127.0.0.1:1 (0 requests, 0/s, 1 failed)" {
		t.Error(got)
	}
}

// A load that is cancelled ends at once, and says what it had.
func TestLoadCancelled(t *testing.T) {
	w := plugintest.New(t, All()...)
	out, err := w.Run(`
local s = assert(server.start{handler = "echo"})
local f = fiber.spawn(function() client.load{to = s.addr, n = 2, seconds = 3600} end)
check.within(10, function() return s:stats().bytes_in > 6400 end)
f:cancel()
print(f:join(5))
local c = fiber.spawn(function() client.load{to = s.addr, n = 2, seconds = 3600, mode = function(conn) conn:recv() end} end)
fiber.sleep(0.05)
c:cancel()
print(c:join(5))`)
	if err != nil || !strings.Contains(out, "as far as it got:\nechoes") || !strings.Contains(out, "ended early: interrupted") || strings.Count(out, "nil\tfiber cancelled") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Connections of churn have their addresses in turn, unless one was asked for or there is nothing to choose from.
func TestLoadSources(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`
local function sources(addr, options)
  local seen, n = {}, 0
  local s = assert(server.start{model = "epoll", addr = addr, on_open = function(conn)
    local ip = conn.peer_addr:match("^(.*):")
    if not seen[ip] then seen[ip], n = true, n + 1 end
  end, on_data = function(conn, data) return data end})
  options.to, options.n, options.requests = s.addr, 2, 40
  local l = assert(client.load(options))
  assert(l.requests == 40 and l.failed == 0, tostring(l))
  s:stop()
  return n, (next(seen))
end
print((sources("127.0.0.1:0", {mode = "churn"})))  --> 8
print(sources("127.0.0.1:0", {mode = "churn", from = "127.0.0.9"}))  --> 1	127.0.0.9
print(sources("127.0.0.1:0", {mode = "echo"}))  --> 1	127.0.0.1`)
}

// Whoever waits for longer than a second is told how far it has come, and that is taken away at the end.
func TestLoadTellsHowFar(t *testing.T) {
	w := plugintest.New(t, All()...)
	run := func(source string) []string {
		t.Helper()
		if _, err := w.Run(`local s = assert(server.start{model = "epoll", handler = "echo"}) ` + source + ` s:stop()`); err != nil {
			t.Fatal(err)
		}
		return w.Shown()
	}
	if lines := run(`assert(client.load{to = s.addr, n = 1, seconds = 0.3})`); len(lines) != 0 {
		t.Errorf("a short load shows %q", lines)
	}
	lines := run(`assert(client.load{to = s.addr, n = 1, seconds = 1.8})`)
	if n := len(lines); n < 2 || !strings.HasPrefix(lines[0], "load of 127.0.0.1:") || !strings.HasSuffix(lines[0], " of 2 s") || lines[n-1] != "" {
		t.Errorf("a long load shows %q", lines)
	}
	lines = run(`assert(server.compare{models = {"poll", "epoll"}, n = 1, seconds = 0.05})`)
	if want := []string{"server.compare: poll, 1 of 2", "server.compare: epoll, 2 of 2", ""}; !slices.Equal(lines, want) {
		t.Errorf("a comparison shows %q", lines)
	}
}
