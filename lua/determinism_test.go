package lua

import "testing"

// The same script switches in the same order each time: channels, yields, cancels, coroutines, and in the middle all of
// them sleep to one instant. A run in which the machine was so late that somebody came to bed after it is no run.
func TestSameOrderEachTime(t *testing.T) {
	const src = `local log, c, d, n, late = {}, fiber.channel(), fiber.channel(2), 0, false
local function note(x) log[#log + 1] = x end
local at, fibers = fiber.now() + ..., {}
local function bed(i)
  n = n + 1
  if fiber.now() >= at then late = true end
  t.sleep_until(at)
  note("s" .. i)
end
for i = 1, 6 do
  fibers[#fibers + 1] = fiber.spawn(function()
    for j = 1, 3 do
      if (i + j) % 3 == 0 then bed(i)
      elseif (i + j) % 3 == 1 then c:send(i .. "") note("c" .. i)
      else fiber.yield() note("y" .. i) end
    end
  end)
  fibers[#fibers + 1] = fiber.spawn(coroutine.wrap(function() for j = 1, 3 do d:send(i) note("d" .. i) fiber.yield() if j == 2 then bed(-i) end end end))
end
local takers = {}
for i = 1, 3 do takers[i] = fiber.spawn(function() for v in function() return c:recv() end do note("r" .. i .. v) end end) end
takers[4] = fiber.spawn(function() for v in function() return d:recv() end do note("q" .. v) end end)
local lost = {}
for i = 1, 4 do lost[i] = fiber.spawn(function() with({close = function() note("x" .. i) end}, function() fiber.sleep(60) end) end) end
fiber.yield()
for i = 4, 1, -1 do lost[i]:cancel() end
assert(fiber.all(fibers)) c:close() d:close() assert(fiber.all(takers)) fiber.all(lost)
return late or n ~= 12, table.concat(log, " ")`
	rounds := 200
	if raceEnabled || testing.Short() {
		rounds = 50
	}
	w, _ := newWorld(t)
	first, compared, skipped, nap := "", 0, 0, 0.003
	for compared < rounds && skipped < rounds {
		v, err := run(w, src, nap)
		if err != nil {
			t.Fatal(err)
		}
		if v[0].Truth() {
			skipped++
			nap = min(nap*1.5, 0.2)
			continue
		}
		got := v[1].String()
		if compared++; compared == 1 {
			first = got
		}
		if got != first {
			t.Fatalf("run %d:\n%s\nthe first:\n%s", compared, got, first)
		}
	}
	if compared < rounds {
		t.Errorf("%d runs of %d were in time", compared, compared+skipped)
	}
}
