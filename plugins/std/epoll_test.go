package std

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// Edge triggering, as a script sees it: a handler that leaves something unread is not called again for it.
func TestTriggers(t *testing.T) {
	w := plugintest.New(t, All()...)
	if _, err := w.Run(conformance + `
local function calls(trigger)
  local got = {}
  local s = assert(server.start{model = "epoll", trigger = trigger, on_readable = function(conn)
    got[#got + 1] = conn:recv(2)
  end})
  local c = assert(client.dial(s.addr))
  return c, got
end
local c, level = calls("level")
c:send("aabbcc")
eventually("all is read", function() return table.concat(level, " ") == "aa bb cc" end)
local c, edge = calls("edge")
c:send("aabbcc")
eventually("the first two are read", function() return edge[1] end)
fiber.sleep(0.05)
assert(table.concat(edge, " ") == "aa", table.concat(edge, " "))
c:send("dd")
eventually("the next two are read", function() return edge[2] end)
fiber.sleep(0.05)
assert(table.concat(edge, " ") == "aa bb", table.concat(edge, " "))
-- One that reads until EAGAIN gets everything.
local all = {}
local s = assert(server.start{model = "epoll", trigger = "edge", on_readable = function(conn)
  for data in function() return (conn:recv(2)) end do all[#all + 1] = data end
end})
c = assert(client.dial(s.addr))
c:send("aabbcc")
eventually("all is read", function() return table.concat(all, " ") == "aa bb cc" end)
-- With on_data it is nsh that reads until EAGAIN.
local n = 0
s = assert(server.start{model = "epoll", trigger = "edge", on_data = function(conn, data) n = n + #data end})
c = assert(client.dial(s.addr))
c:send(("x"):rep(1e6))
eventually("all has come", function() return n == 1e6 end)`); err != nil {
		t.Fatal(err)
	}
}

// Workers share a listener, or have one each; what each has accepted is counted. A handler that waits holds up its own
// worker's connections only.
func TestWorkers(t *testing.T) {
	w := plugintest.New(t, All()...)
	if _, err := w.Run(conformance + `
for _, reuse_port in ipairs{false, true} do
  local s = assert(server.start{model = "epoll", workers = 4, reuse_port = reuse_port, on_data = function(conn, data)
    if data == "slow" then fiber.sleep(0.7) end
    return data
  end})
  assert(#sock.list{state = "LISTEN", local_port = s.port} == (reuse_port and 4 or 1))
  local conns, got = {}, 0
  local first = assert(client.dial(s.addr))
  first:send("slow") fiber.sleep(0.05)
  -- Nobody is woken for the shared listener who is busy; a listener of its own fills up while its worker is.
  for i = 1, 40 do
    conns[i] = assert(client.dial(s.addr, {no_delay = true}))
    conns[i]:send("quick")
  end
  for i = 1, 40 do
    if conns[i]:recv(5, {timeout = 0.01}) then got = got + 1 end
  end
  assert(first:recv(4, {timeout = 5}) == "slow")
  eventually("all are accepted", function() return s:stats().accepted == 41 end)
  local by, sum, own = s:stats().by_worker, 0, false
  assert(#by == 4)
  for _, n in ipairs(by) do
    sum = sum + n
    own = own or got == 41 - n
  end
  assert(sum == 41 and own, got .. " were served meanwhile; " .. table.concat(by, " "))
  if not reuse_port then assert(got == 40, got) end
  s:stop()
end`); err != nil {
		t.Fatal(err)
	}
	w.Fails(`server.start{model = "epoll", workers = 0, handler = "echo"}`, "server.start: option 'workers': must be from 1")
	w.Fails(`server.start{model = "epoll", workers = 10000, handler = "echo"}`, "server.start: option 'workers': must be from 1")
	w.Fails(`server.start{model = "epoll", workers = 300, handler = "echo"}`, "the model 'epoll' has 1 to 256 workers, not 300")
	w.Fails(`server.start{model = "select", workers = 2, handler = "echo"}`, "option 'workers': the model 'select' has no workers")
	w.Fails(`server.start{model = "poll", trigger = "edge", handler = "echo"}`, "option 'trigger': the model 'poll' cannot be told of edges; it is an option of epoll")
}
