package main

import "testing"

// TestFibersWait: whatever a handler of the model "coroutine" waits for, others are served meanwhile, by the same thread.
func TestFibersWait(t *testing.T) {
	out, errs, code := nsh(t, root, "", "--host", "-e", `
local function ask(addr, what)
  local c = assert(client.dial(addr))
  assert(c:send(what))
  local answer = c:recv{timeout = 20}
  c:close()
  return answer
end
local inside, gate, shared, s = fiber.channel(8), fiber.channel(8), nil, nil
local waits = {
  channel = function(c) gate:recv() end,
  coroutine = function(c)
    local step = coroutine.wrap(function() coroutine.yield(gate:recv()) gate:send("again") coroutine.yield(gate:recv()) end)
    step() step()
  end,
  join = function(c) assert(fiber.spawn(function() gate:recv() end):join()) end,
  program = function(c)
    local r, w = sys.pipe()
    local f = fiber.spawn(function() gate:recv() w:write("x") w:close() end)
    assert(r:read(1) == "x")
    r:close() f:join()
  end,
  connection = function(c) gate:recv() assert(ask(s.addr, "itself") == "itself") end,
  other = function(c) shared = c gate:recv() end,
  beside = function(c)
    local f = fiber.spawn(function() return c:recv() end)
    gate:recv()
    assert(select(2, f:join()) == "more")
  end,
}
local function handler(c)
  local what = c:recv()
  if waits[what] then inside:send(true) waits[what](c) end
  c:send(what)
end
s = assert(server.start{model = "coroutine", handler = handler})
for name in pairs(waits) do
  local c = assert(client.dial(s.addr))
  assert(c:send(name))
  inside:recv()
  for i = 1, 3 do assert(ask(s.addr, "hello") == "hello", name) end
  if name == "beside" then c:send("more") end
  if name == "other" then shared:send("early ") assert(c:recv(6) == "early ") end
  gate:send("go")
  assert(c:recv{timeout = 20} == name, name)
  c:close()
end
assert(s:stats().threads == 1)
s:stop()
print("ok")
`)
	if code != 0 || errs != "" || out != "ok\n" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
