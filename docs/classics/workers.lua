-- Three workers with spawn, sleep and join. Nobody names the next one: whoever waits, for time or for the network, lets
-- the others run, and goes on when what it waited for is there.
--
--   nsh docs/classics/workers.lua

local order = {}
local function worker(name)
  for i = 1, 3 do
    fiber.sleep(0.1)
    table.insert(order, name .. i)
  end
  return name .. " is done"
end

local t = fiber.now()
local a, b, c = fiber.spawn(worker, "a"), fiber.spawn(worker, "b"), fiber.spawn(worker, "c")
check.equal(#order, 0, "spawned, and not yet begun: this line has not waited")
local _, said = a:join()
check.equal(said, "a is done", "join waits for the end, and gives what was returned")
b:join()
c:join()
check.equal(table.concat(order, " "), "a1 b1 c1 a2 b2 c2 a3 b3 c3", "they take turns by themselves")
check(fiber.now() - t < 0.8, ("0.3 s each, and %.2f s together"):format(fiber.now() - t))

-- The same with the network: three workers wait in recv of one flow, and a fourth wakes them in an order of its own.
local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0"))
assert(s:listen(5))
local conns, heard, workers = {}, {}, {}
for i = 1, 3 do
  workers[i] = fiber.spawn(function()
    local fd = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
    assert(fd:connect(s:getsockname()))
    table.insert(heard, fd:recv(100))
    fd:close()
  end)
  conns[i] = assert(s:accept())                        -- this waits until the worker has connected
end
local port = tonumber(s:getsockname():match("%d+$"))
check.equal(sock.states{peer_port = port}.ESTABLISHED, 3, "three are connected at once, says the kernel")
for _, i in ipairs{2, 3, 1} do
  conns[i]:send("worker " .. i)
  workers[i]:join()
end
check.equal(table.concat(heard, ", "), "worker 2, worker 3, worker 1", "each went on when its own data came")

-- The bug: computing instead of waiting. It takes no turns, and nobody else gets one meanwhile.
local gap, last = 0, fiber.now()
local watch = fiber.spawn(function()
  while true do fiber.sleep(0.01) gap, last = math.max(gap, fiber.now() - last), fiber.now() end
end)
fiber.spawn(function() local until_ = fiber.now() + 0.3 while fiber.now() < until_ do end end):join()
fiber.sleep(0.05)
watch:cancel()
check(gap > 0.25, ("nobody had a turn for %.2f s"):format(gap))
