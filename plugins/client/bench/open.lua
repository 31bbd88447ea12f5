-- open.lua ADDR N [HOLD]: opens N connections and says how many seconds that took; then it resets them all.
local addr, n = arg[1], tonumber(arg[2])
local began = fiber.now()
local crowd = assert(client.open{to = addr, n = n, timeout = 60})
local took = fiber.now() - began
assert(crowd:stats().opened == n, tostring(crowd))
print(("%.4f"):format(took))
if arg[3] then io.read() end
crowd:reset()
