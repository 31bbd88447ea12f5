package std

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// Connections of clients and servers can be waited for beside descriptors, and come back as the very objects.
func TestWaitForConns(t *testing.T) {
	w := plugintest.New(t, All()...)
	if out, err := w.Run(`
local s = assert(server.start{model = "epoll", handler = "echo"})
local c, d = assert(client.dial(s.addr)), assert(client.dial(s.addr))
local r, _, _ = sys.select({c, d}, {}, {}, 0) assert(#r == 0)
c:send("x")
r = sys.select({d, c}, {}, {}, 5) assert(#r == 1 and r[1] == c)
local rows = sys.poll({{d, "IN"}, {c, "IN"}}, 5) assert(#rows == 1 and rows[1].fd == c)
local ep = sys.epoll() assert(ep:register(c, "IN")) assert(ep:register(d, "IN"))
rows = ep:wait(5) assert(#rows == 1 and rows[1].fd == c and rows[1].fd:recv() == "x")
d:send("y") assert(ep:wait(5)[1].fd == d)
ep:unregister(d) assert(#ep:wait(0) == 0)
c:close()
for _, f in ipairs{function() sys.select({c}) end, function() sys.poll({{c, "IN"}}) end, function() ep:register(c, "IN") end} do
  local ok, why = pcall(f) assert(not ok and why:find("closed"), why)
end`); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
