package std

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// defineIn defines a model of docs/models in a world; nsh's own are there.
func defineIn(t *testing.T, w *plugintest.World, model string) {
	t.Helper()
	name, ok := strings.CutPrefix(model, "my-")
	if !ok {
		return
	}
	text, err := os.ReadFile("../../docs/models/" + name + ".lua")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := w.Run("assert(loadstring(" + fmt.Sprintf("%q", text) + ", " + fmt.Sprintf("%q", name+".lua") + "))(\"required\")"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestDefineMisuse: what is wrong with a definition is said at once, by its argument or option.
func TestDefineMisuse(t *testing.T) {
	w := plugintest.New(t, All()...)
	const run = ", run = function() end}"
	for source, want := range map[string]string{
		`server.define()`: "server.define: argument 1 (name): string expected, got nothing",
		`server.define("", {style = "event"` + run + `)`:                                                        `argument 1 (name): "" is no name for a model`,
		`server.define("my model", {style = "event"` + run + `)`:                                                `"my model" is no name for a model: a letter, then letters, digits`,
		`server.define(("x"):rep(41), {style = "event"` + run + `)`:                                             `is no name for a model`,
		`server.define("epoll", {style = "event"` + run + `)`:                                                   "'epoll' is one of nsh's own models; take another name, my-epoll for one",
		`server.define("EPoll", {style = "event"` + run + `)`:                                                   "'epoll' is one of nsh's own models",
		`server.define("mine", {run = function() end})`:                                                         "option 'style': string expected, got nothing",
		`server.define("mine", {style = "events"` + run + `)`:                                                   "\"events\" unknown, did you mean 'event'?",
		`server.define("mine", {style = "threads"` + run + `)`:                                                  "it is one of: linear, event",
		`server.define("mine", {style = "event"})`:                                                              "option 'run': function expected, got nothing",
		`server.define("mine", {style = "event", run = 1})`:                                                     "option 'run': function expected, got 1",
		`server.define("mine", {style = "event", rum = print})`:                                                 "option 'rum' unknown, did you mean 'run'?",
		`server.define("mine", {style = "event"` + run + `) server.define("mine", {style = "event"` + run + `)`: "argument 1 (name): 'mine' is defined already (run at test.lua:1); replace = true takes its place",
		`server.test("iterative", {row = "ecco"})`:                                                              "option 'row': \"ecco\" unknown, did you mean 'echo'?",
		`server.test("iterative", {row = "zzzzzzzzz"})`:                                                         "the model has: echo, crowd, half-close",
	} {
		w.Fails(source, want)
	}
	w.Fails(`server.start{model = "mini", handler = "echo"}`, "did you mean 'mine'?")
	w.Fails(`server.test("mini")`, `server.test: argument 1 (name): "mini" unknown, did you mean 'mine'?`)
	w.Expect(`server.define("mine", {style = "linear", about = "again", run = function(listener) while listener:accept() do end end, replace = true})
for _, m in ipairs(server.models()) do if m.name == "mine" then print(m.style, m.about, m.available) end end  --> linear	again	true`)
}

// TestDefinedRefuses: a model in Lua refuses what it does not have in the words of nsh's own.
func TestDefinedRefuses(t *testing.T) {
	w := plugintest.New(t, All()...)
	for _, m := range luaModels {
		defineIn(t, w, m)
	}
	for source, want := range map[string]string{
		`server.start{model = "my-select", handler = function(conn) end}`:             "option 'handler': the model 'my-select' has one flow for all connections",
		`server.start{model = "select", handler = function(conn) end}`:                "iterative, process, prefork, thread, threadpool, coroutine, goroutine, my-coroutine",
		`server.start{model = "my-epoll", handler = "echo", trigger = "edge"}`:        "option 'trigger': the model 'my-epoll' cannot be told of edges",
		`server.start{model = "my-epoll", handler = "echo", workers = 2}`:             "option 'workers': the model 'my-epoll' has no workers",
		`server.start{model = "my-epoll", handler = "echo", proto = "udp"}`:           "option 'proto': the model 'my-epoll' serves connections only",
		`server.start{model = "my-epoll", handler = "echo", isolate = true}`:          "option 'isolate': ",
		`server.start{model = "my-epoll", handler = "echo", keep_parent_copy = true}`: "option 'keep_parent_copy': ",
	} {
		w.Fails(source, want)
	}
}

// TestDefinedOptions: the options of server.start are those of every model.
func TestDefinedOptions(t *testing.T) {
	each(t, luaModels, conformance+`
local s = assert(server.start{model = MODEL, handler = "http", backlog = 7})
assert(sock.queue(s.port)[1].limit == 7)
local c = assert(client.dial(s.addr))
c:send("GET / HT") eventually("half a request", function() return s:stats().bytes_in == 8 end)
assert(#s:conns() == 1 and s:conns()[1]:state() == "ESTABLISHED")
c:send("TP/1.1\r\nHost: x\r\n\r\n") assert(c:recv("line", {timeout = 5}) == "HTTP/1.1 200 OK")

local a = assert(server.start{model = MODEL, handler = "echo", reuse_port = true})
local b = assert(server.start{model = MODEL, handler = "discard", reuse_port = true, addr = a.addr})
assert(a.port == b.port and a.model == MODEL and a.proto == "tcp")
local none, err = server.start{model = MODEL, handler = "echo", addr = s.addr}
assert(none == nil and err.code == "EADDRINUSE", tostring(err))

-- Each of the three has its listener shut down and closed by the stop, and those who are connected see their end.
for _, server in ipairs{s, a, b} do
  local began = fiber.now()
  server:stop()
  assert(fiber.now() - began < 1)
  local st = server:stats() assert(st.active == 0 and st.closed == st.accepted and st.errors == 0)
end
assert(#sock.list{local_port = s.port, state = "LISTEN"} == 0)`)
}

// TestDefinedClosedFromElsewhere: what another fiber does to a connection, the engine learns in the middle of its wait.
func TestDefinedClosedFromElsewhere(t *testing.T) {
	each(t, luaModels, conformance+`
local ended
local s = assert(server.start{model = MODEL, on_data = function() end, on_close = function(conn, err) ended = tostring(err) end})
local c, d = assert(client.dial(s.addr)), assert(client.dial(s.addr))
eventually("both are there", function() return #s:conns() == 2 end)
fiber.sleep(0.05)                                     -- so that the engine waits
assert(s:conns()[1]:send("from elsewhere"))
assert(c:recv(14, {timeout = 5}) == "from elsewhere")
s:conns()[1]:close()
assert(c:recv({timeout = 5}) == nil and ended == "nil", ended)
eventually("one is closed", function() return s:stats().closed == 1 and s:stats().active == 1 end)
-- What the kernel does not take at once has to be waited for by an engine that waits for something else.
assert(s:conns()[1]:send(("x"):rep(6000000)))
assert(#d:recv(6000000, {timeout = 10}) == 6000000)`)
}

// TestDefinedInLaboratory: a model in Lua serves a laboratory's host.
func TestDefinedInLaboratory(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	each(t, luaModels, `
local l, a, b = assert(lab.line("a", "b"))
local s = assert(server.start{model = MODEL, on = b, on_data = function(conn, data) return data .. data end})
assert(s.addr:match("^[%d.]+") == b.addrs[1], s.addr .. " " .. b.addrs[1])
local c = assert(client.dial(s.addr, {on = a}))
c:send("ab") assert(c:recv(4, {timeout = 5}) == "abab")
local began = fiber.now() s:stop() assert(fiber.now() - began < 1)
l:close()`)
}
