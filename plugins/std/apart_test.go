package std

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// apartModels run handlers in processes of their own.
var apartModels = []string{"process", "prefork"}

// printed runs Lua on a model and compares all that is printed.
func printed(t *testing.T, model, source, want string) {
	t.Helper()
	w := plugintest.New(t, All()...)
	out, err := w.Run(fmt.Sprintf("local MODEL = %q %s\n%s", model, strings.ReplaceAll(conformance, "\n", " "), source))
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.TrimSpace(out) != want {
		t.Errorf("printed\n%s\nwanted\n%s", out, want)
	}
}

// Whose memory a handler sees: API.md, server. A process gets copies at the accept, a worker when it is started; what
// two handlers share they share in the copy, too; nothing comes back.
func TestIsolates(t *testing.T) {
	const source = `
local n, seen = 0, {}
local function count(x) n = n + x return n end
total = 100
local s = assert(server.start{model = MODEL, workers = %d,
  on_open = function(conn) count(1) seen[#seen + 1] = n end,
  on_data = function(conn, data) total = total + 1 return table.concat({count(10), #seen, total}, " ") .. "\n" end})
for i = 1, 3 do
  local c = assert(client.dial(s.addr))
  c:send("x") print(c:recv("line"))
  c:close()
  eventually("closed", function() return s:stats().closed == i end)
  if i == 2 then n = 1000 end
end
print(n, #seen, total)`
	t.Run("process", func(t *testing.T) {
		printed(t, "process", fmt.Sprintf(source, 1), "11 1 101\n11 1 101\n1011 1 101\n1000\t0\t100")
	})
	t.Run("prefork", func(t *testing.T) {
		printed(t, "prefork", fmt.Sprintf(source, 1), "11 1 101\n22 2 102\n33 3 103\n1000\t0\t100")
	})
}

// What a handler prints reaches the script's output, laid out as there; so do warnings, and checks that fail.
func TestChildPrints(t *testing.T) {
	for _, m := range apartModels {
		t.Run(m, func(t *testing.T) {
			printed(t, m, `
local s = assert(server.start{model = MODEL, handler = function(conn)
  print("one", {1, 2}, conn.peer_addr ~= nil) io.write("two\n") io.stderr:write("three\n") check(false, "four")
  fiber.spawn(function() fiber.sleep(0.01) print("five") end):join()
end})
local c = assert(client.dial(s.addr)) assert(c:recv() == nil)
s:stop()`, "one\t{1, 2}\ttrue\ntwo\nthree\nFAIL four: saw false  (test.lua:4)\nfive")
		})
	}
}

func TestChildExits(t *testing.T) {
	for _, m := range apartModels {
		t.Run(m, func(t *testing.T) {
			w := plugintest.New(t, All()...)
			out, err := w.Run(fmt.Sprintf(`local MODEL = %q %s
local s = assert(server.start{model = MODEL, on_data = function(conn, data)
  if data == "exit" then os.exit(3) end
  if data == "later" then fiber.spawn(function() fiber.sleep(0.01) os.exit(4) end) return end
  return data
end})
for _, how in ipairs{"exit", "later"} do
  local c = assert(client.dial(s.addr))
  c:send(how) assert(c:recv({timeout = 5}) == nil)
  c:close()
end
local c = assert(client.dial(s.addr)) c:send("fine") assert(c:recv(4, {timeout = 5}) == "fine") c:close()
eventually("closed", function() local st = s:stats() return st.closed == 3 and st.active == 0 end)
print(s:stats().reasons)`, m, conformance))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if exit := w.Exited(); exit != nil {
				t.Errorf("the script has ended, too: %v", exit)
			}
			switch m {
			case "process":
				if strings.TrimSpace(out) != "{}" {
					t.Errorf("an os.exit counts as an error: %s", out)
				}
			case "prefork":
				for _, code := range []string{"3", "4"} {
					if !strings.Contains(out, "a worker ended (exit code "+code+") and was replaced") {
						t.Errorf("not counted: %s", out)
					}
				}
			}
		})
	}
}

// What cannot be copied is refused when the server is started, at the script's line and with the way to it.
func TestUncopied(t *testing.T) {
	w := plugintest.New(t, All()...)
	for _, m := range apartModels {
		for source, want := range map[string]string{
			`local conn = assert(client.dial(assert(server.start{handler = "echo"}).addr)) server.start{model = %q, handler = function() return conn end}`: "test.lua:1: server.start: option 'handler': the model '" + m + "' runs handlers in processes of their own, with copies of what they reach: upvalue 'conn' of handler is a Conn, and cannot be copied into another Lua world",
			`me = fiber.current() server.start{model = %q, on_data = function() return me end}`:                                                            "option 'on_data': the model '" + m + "' runs handlers in processes of their own, with copies of what they reach: global 'me', named in on_data is a Fiber",
		} {
			w.Fails(fmt.Sprintf(source, m), want)
		}
	}
	w.Fails(`server.start{model = "epoll", handler = "echo", reap = false}`, "option 'reap': the model 'epoll' has no children")
	w.Fails(`server.start{model = "prefork", handler = "echo", keep_parent_copy = true}`, "option 'keep_parent_copy': the model 'prefork' has no children that connections are passed to")
	w.Fails(`server.start{model = "thread", handler = "echo", workers = 2}`, "option 'workers': the model 'thread' has no workers")
	w.Fails(`server.start{model = "prefork", handler = "echo", workers = 1000}`, "option 'workers': the model 'prefork' has 1 to 256 workers, not 1000")
	w.Fails(`server.start{model = "prefork", handler = "echo", workers = 0}`, "option 'workers'")
}

// What becomes uncopiable later costs the connection, and is said once.
func TestUncopiedLater(t *testing.T) {
	printed(t, "process", `
local box = {}
local s = assert(server.start{model = MODEL, on_data = function(conn, data) return tostring(box.x) end})
box.x = fiber.current()
for i = 1, 2 do local c = assert(client.dial(s.addr)) c:recv({timeout = 5}) c:close() end
box.x = 5
local c = assert(client.dial(s.addr)) c:send("a") print(c:recv({timeout = 5}))
print(s:stats().errors)`, "handler: box.x (upvalue 'box' of on_data) is a Fiber, and cannot be copied into another Lua world\n5\n2")
}

// Who waits for whom: on the model process nobody, on prefork whoever comes when all workers are busy.
func TestWhoWaitsApart(t *testing.T) {
	for _, m := range []string{"process", "prefork"} {
		printed(t, m, `
local s = assert(server.start{model = MODEL, workers = MODEL == "prefork" and 2 or nil, on_data = function(conn, data)
  if data == "busy" then local t = fiber.now() while fiber.now() - t < 0.4 do end end
  return data
end})
local a, b = assert(client.dial(s.addr)), nil
a:send("busy") fiber.sleep(0.05)
b = assert(client.dial(s.addr)) b:send("quick") assert(b:recv({timeout = 0.3}) == "quick")
assert(a:recv({timeout = 5}) == "busy")
local c = assert(client.dial(s.addr)) c:send("third")
local answer, err = c:recv({timeout = 0.2})
print(answer or err.code) b:close() a:close()
print(c:recv({timeout = 5}) or "closed")`, map[string]string{"process": "third\nclosed", "prefork": "ETIMEDOUT\nthird"}[m])
	}
}

// A child that is killed from outside is counted and explained, and the server goes on.
func TestChildKilled(t *testing.T) {
	for _, m := range apartModels {
		w := plugintest.New(t, All()...)
		out, err := w.Run(fmt.Sprintf(`local MODEL = %q %s
local s = assert(server.start{model = MODEL, handler = function(conn) conn:recv() os.execute("kill -9 $PPID") end})
local c = assert(client.dial(s.addr)) c:send("x") c:recv({timeout = 5})
eventually("counted", function() return s:stats().errors == 1 end)
eventually("replaced", function() return MODEL == "process" or s:stats().processes == 4 end)
for why in pairs(s:stats().reasons) do print(why) end`, m, conformance))
		want := map[string]string{"process": "a child was killed (SIGKILL), and its connection ended with it", "prefork": "a worker was killed (SIGKILL) and was replaced"}[m]
		if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "server: ") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// The famous mistakes, as a script sees them.
func TestMistakes(t *testing.T) {
	printed(t, "process", `
local s = assert(server.start{model = MODEL, keep_parent_copy = true, handler = function(conn) conn:send("bye") end})
local c = assert(client.dial(s.addr))
print(c:recv(3), select(2, c:recv({timeout = 0.2})).code)
s:stop()
print(c:recv({timeout = 5}))`, "bye\tETIMEDOUT\nnil")
	w := plugintest.New(t, All()...)
	out, err := w.Run(`local s = assert(server.start{model = "process", reap = false, handler = function(conn) end})
for i = 1, 3 do assert(client.dial(s.addr)):recv() end
` + strings.TrimSpace(conformance) + `
eventually("ended", function() return s:stats().closed == 3 and s:stats().processes == 0 end)
zombies = s`)
	if err != nil {
		t.Fatal(err, out)
	}
	ps, err := exec.Command("ps", "-o", "stat=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	if err == nil && strings.Count(string(ps), "Z") != 3 {
		t.Errorf("ps shows %q and not three zombies", ps)
	}
	if out, err := w.Run(`zombies:stop()`); err != nil {
		t.Fatal(err, out)
	}
	ps, _ = exec.Command("ps", "-o", "stat=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	if strings.Contains(string(ps), "Z") && err == nil {
		t.Errorf("after the stop ps shows %q", ps)
	}
}

// On a host of a laboratory the listener is the host's, and so are the connections that children get.
func TestApartInLaboratory(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	for _, m := range append([]string{"process echo"}, apartModels...) {
		handler := `function(conn) conn:send(conn.local_addr .. " " .. tostring(select(2, client.dial("10.0.0.1:1")))) end`
		model, native := strings.CutSuffix(m, " echo")
		if native {
			handler = `"echo"`
		}
		w := plugintest.New(t, All()...)
		out, err := w.Run(fmt.Sprintf(`local l, a, r, b = assert(lab.line("a", "r", "b"))
l:run(b, function()
  local s = assert(server.start{model = %q, handler = %s})
  local c = assert(client.dial("b:" .. s.port, {on = a}))
  c:send("hello") print(c:recv(), s.addr)
end)`, model, handler))
		if err != nil || native && !strings.HasPrefix(out, "hello\t10.") || !native && (!strings.HasPrefix(out, "10.") || !strings.Contains(out, "can make no others there")) {
			t.Errorf("%s: %v\n%s", m, err, out)
		}
	}
}

// The native handlers run in children, too.
func TestNativeApart(t *testing.T) {
	for _, m := range apartModels {
		printed(t, m, `
local function visit(handler, say, n)
  local s = assert(server.start{model = MODEL, handler = handler})
  local c = assert(client.dial(s.addr))
  if say then c:send(say) end
  local got, err = c:recv(n, {timeout = 10})
  if handler == "discard" then got = "" end
  c:close()
  eventually("counted", function() local st = s:stats() return st.bytes_in == #(say or "") and st.bytes_out >= (handler == "discard" and 0 or 1) and st.closed == 1 end)
  return got, err
end
print(visit("echo", "hello", 5), visit("daytime", nil, "line"):match("%d%d:%d%d") ~= nil, #visit("chargen", nil, 100000))
print(visit("http", "GET / HTTP/1.0\r\n\r\n", "line"))
local s = assert(server.start{model = MODEL, handler = "discard"})
local c = assert(client.dial(s.addr)) c:send(("x"):rep(100000)) c:shutdown("write") print(c:recv({timeout = 10}))
eventually("counted", function() return s:stats().bytes_in == 100000 and s:stats().bytes_out == 0 end)`,
			"hello\ttrue\t100000\nHTTP/1.1 200 OK\tnil\nnil")
	}
}
