package std

import (
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// After a fork both processes hold the socket, as the kernel has it and sock.holders shows.
func TestForkHolders(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0")) assert(s:listen(5))
local r, w = sys.pipe()
local pid = assert(sys.fork(function() r:read(1) return s end))
local by = {}
for _, h in ipairs(sock.holders(s)) do by[h.pid] = h.process end
print(by[sys.getpid()] ~= nil, by[pid])  --> true	nsh
print(sys.memory(pid).rss > 0)  --> true
w:close() r:close()
sys.waitpid(pid)
print(#sock.holders(s))  --> 1`)
}

// A child of a script in a laboratory has the sockets that it was given there, and can make no others.
func TestForkInLaboratory(t *testing.T) {
	plugintest.NeedsLaboratories(t)
	w := plugintest.New(t, All()...)
	out, err := w.Run(`local l, a, r, b = assert(lab.line("a", "r", "b"))
local s = l:run(b, function()
  local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
  assert(s:bind("0.0.0.0:80")) assert(s:listen(5))
  sys.fork(function()
    local conn = assert(s:accept())
    conn:send(conn:getsockname() .. " " .. tostring(select(2, sys.socket(sys.AF_INET, sys.SOCK_STREAM))))
  end)
  return s
end)
s:close()
print(assert(client.dial("b:80", {on = a})):recv({timeout = 10}))
sys.waitpid()`)
	if err != nil || !strings.HasPrefix(out, "10.") || !strings.Contains(out, ":80 ") || !strings.Contains(out, "can make no others there") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A handler forks, too, in an isolate as elsewhere, and so does a child.
func TestForkFromIsolate(t *testing.T) {
	eachIsolated(t, `local s = start{on_data = function(conn, data)
  local r, w = sys.pipe()
  local pid = assert(sys.fork(function()
    r:close()
    sys.waitpid(assert(sys.fork(function() w:write(data .. " ") print("grandchild") end)))
    w:write("child")
  end))
  w:close()
  local text, more = "", r:read(100)
  while more ~= "" do text, more = text .. more, r:read(100) end
  local _, how = sys.waitpid(pid)
  return text .. " " .. how.code
end}
local c = assert(client.dial(s.addr)) c:send("hello")
print(c:recv({timeout = 15}))`, func(t *testing.T, _ *plugintest.World, out string) {
		if out != "grandchild\nhello child 0\n" {
			t.Errorf("printed %q", out)
		}
	})
}
