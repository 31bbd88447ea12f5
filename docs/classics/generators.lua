-- Ping-pong by generators. coroutine.wrap makes a function that runs as far as its next yield and stops in the middle of
-- it; what is given to the call comes out of the yield. Neither player knows the other: the loop below hands the ball on.
--
--   nsh docs/classics/generators.lua

local log = {}

-- A player for so many strokes: takes the ball, strikes it, and waits inside yield for the next one.
local function player(name, strokes)
  return coroutine.wrap(function(ball)
    for _ = 1, strokes do
      table.insert(log, name .. " " .. ball)
      ball = coroutine.yield(ball + 1)
    end
  end)
end

local ping, pong = player("ping", 3), player("pong", 3)
local ball = 1
for _ = 1, 3 do
  ball = ping(ball)
  ball = pong(ball)
end
check.equal(table.concat(log, ", "), "ping 1, pong 2, ping 3, pong 4, ping 5, pong 6", "they strike in turn")

-- A generator as the values of a for: numbers without end, taken as far as they are wanted.
local function fibonacci()
  local a, b = 1, 1
  while true do coroutine.yield(a) a, b = b, a + b end
end
local seen = {}
for n in coroutine.wrap(fibonacci) do
  if n > 50 then break end                             -- the generator is left in the middle, and that is all right
  table.insert(seen, n)
end
check.equal(table.concat(seen, " "), "1 1 2 3 5 8 13 21 34", "a generator stops when nobody asks")

-- The same ball over the network: a generator may wait, too, in the middle of what it does. One byte is one stroke.
local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:bind(":0"))
assert(s:listen(1))
local a = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(a:connect(s:getsockname()))
local b = assert(s:accept())
local function over(fd) return coroutine.wrap(function() while true do coroutine.yield(fd:recv(1)) end end) end
local from_a, from_b = over(b), over(a)
for i = 1, 3 do a:send("i") check.equal(from_a(), "i") b:send("o") check.equal(from_b(), "o") end
check.equal(sys.poll({{a, "IN"}, {b, "IN"}}, 0)[1], nil, "every byte has been taken: the kernel holds none")

-- The bug: asking a generator that has ended. It says so once, by returning nothing; asked again it raises.
check.equal(ping(7), nil, "ping has had its three strokes: the function returns")
local ok, why = pcall(ping, 8)
check(not ok, "asked once more: " .. tostring(why))
