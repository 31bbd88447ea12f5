package std

import "testing"

// Whom a handler that waits makes wait: API.md, server.
func TestWhoWaits(t *testing.T) {
	const measure = `
local s = assert(server.start{model = MODEL, on_data = function(conn, data)
  if data == "slow" then fiber.sleep(0.3) end
  return data
end})
local slow, quick = assert(client.dial(s.addr)), assert(client.dial(s.addr))
slow:send("slow") fiber.sleep(0.05)
fiber.spawn(function() slow:recv() slow:close() end)
local t = fiber.now()
quick:send("quick") assert(quick:recv(5, {timeout = 5}) == "quick")
local waited = fiber.now() - t
`
	each(t, oneFlow, measure+`assert(waited > 0.15, waited)`)
	each(t, manyFlows, measure+`assert(waited < 0.15, waited)`)
}

// The same for linear handlers, which wait in two ways: for the time, and for their connections. Three that sleep and
// three that say nothing hold up nobody where there is a flow for each.
func TestWhoWaitsLinear(t *testing.T) {
	const measure = `
local asleep = 0
local s = assert(server.start{model = MODEL, handler = function(conn)
  for line in function() return conn:recv("line") end do
    if line == "sleep" then asleep = asleep + 1 fiber.sleep(0.4) end
    conn:send(line .. "\n")
  end
end})
local conns = {}
for i = 1, 6 do conns[i] = assert(client.dial(s.addr)) end
for i = 1, 3 do conns[i]:send("sleep\n") end
local t = fiber.now()
local quick = assert(client.dial(s.addr))
quick:send("quick\n")
local got, err = quick:recv("line", {timeout = 0.3})
`
	each(t, []string{"iterative"}, measure+`
assert(got == nil and err.code == "ETIMEDOUT", tostring(got))
for i = 1, 6 do conns[i]:close() end
assert(quick:recv("line", {timeout = 5}) == "quick")`)
	each(t, manyFlows, measure+`
assert(got == "quick", tostring(err))
for i = 1, 3 do assert(conns[i]:recv("line", {timeout = 5}) == "sleep") end
-- One after the other they would have taken 1.2 seconds.
assert(asleep == 3 and fiber.now() - t < 0.8, fiber.now() - t)`)
}

// A pool's threads are few: while each waits for its connection, whoever comes next waits in the queue, for a thread.
func TestWhoWaitsForAThread(t *testing.T) {
	each(t, []string{"threadpool"}, conformance+`
local s = assert(server.start{model = MODEL, workers = 2, handler = function(conn)
  conn:send(conn:recv("line") .. "\n")
end})
local a, b, c = assert(client.dial(s.addr)), assert(client.dial(s.addr)), assert(client.dial(s.addr))
c:send("third\n")
eventually("one is queued", function() return s:stats().queued == 1 end)
assert(s:stats().threads == 2 and s:stats().active == 3)
local none, err = c:recv("line", {timeout = 0.05})
assert(none == nil and err.code == "ETIMEDOUT")
b:send("second\n") assert(b:recv("line", {timeout = 5}) == "second")
assert(c:recv("line", {timeout = 5}) == "third")
assert(s:stats().queued == 0)
a:close()`)
}
