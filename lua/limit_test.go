package lua

import (
	"runtime"
	"testing"
)

// Sleeps and fiber.timeouts that end while somebody computes go on in the order of their times: the first to be begun
// is the first to be over.
func TestTimeoutsAndSleepsInOrder(t *testing.T) {
	w, _ := newWorld(t)
	for i := 0; i < 10; i++ {
		v, err := run(w, `local order, fibers, start = {}, {}, fiber.now()
for i = 1, 12 do
  fibers[i] = fiber.spawn(function()
    if i % 3 == 0 then fiber.timeout(0.03, fiber.sleep, 9)
    elseif i % 3 == 1 then fiber.timeout(0.03, function() coroutine.wrap(function() fiber.sleep(9) end)() end)
    else fiber.sleep(0.03) end
    order[#order + 1] = i
  end)
end
fiber.yield()
if fiber.now() - start > 0.02 then return "late" end -- whose time is over before it waits never waits
local till = start + 0.06
while fiber.now() < till do end
for _, f in ipairs(fibers) do assert(f:join()) end
return table.concat(order, " ")`)
		if err == nil && v[0].String() == "late" {
			continue
		}
		if err != nil || v[0].String() != "1 2 3 4 5 6 7 8 9 10 11 12" {
			t.Fatalf("run %d: %v %v", i, v, err)
		}
	}
}

func TestTimeouts(t *testing.T) {
	for name, c := range map[string][2]string{
		"in time":          {`print(fiber.timeout(5, function(...) fiber.sleep(0.001) return ... end, 1, nil))`, "1\tnil"},
		"no time":          {`local ran; local ok, err = fiber.timeout(0, function() ran = true end) print(ok, err.code, ran)`, "nil\tETIMEDOUT\tnil"},
		"computes":         {`print(select(2, fiber.timeout(0.01, function() while true do end end)).code)`, "ETIMEDOUT"},
		"blocks":           {`print(select(2, fiber.timeout(0.01, t.forever)).code)`, "ETIMEDOUT"},
		"channel":          {`print(select(2, fiber.timeout(0.01, function() fiber.channel():recv() end)).code)`, "ETIMEDOUT"},
		"join":             {`print(select(2, fiber.timeout(0.3, function() f = fiber.spawn(fiber.sleep, 9) f:join() end)).code) f:cancel()`, "ETIMEDOUT"},
		"outer first":      {`print(select(2, fiber.timeout(0.01, function() fiber.timeout(9, fiber.sleep, 9) print("no") end)).code)`, "ETIMEDOUT"},
		"inner first":      {`print(fiber.timeout(9, function() return "on", select(2, fiber.timeout(0.01, fiber.sleep, 9)).code end))`, "on\tETIMEDOUT"},
		"not caught":       {`print(select(2, fiber.timeout(0.01, function() pcall(fiber.sleep, 9) print("no") end)).code)`, "ETIMEDOUT"},
		"error":            {`print(pcall(fiber.timeout, 9, function() error("x", 0) end))`, "false\tx"},
		"callback":         {`print(select(2, fiber.timeout(0.01, t.call, function() fiber.sleep(9) end)).code)`, "ETIMEDOUT"},
		"sleeps on after":  {`fiber.timeout(0.01, fiber.sleep, 9) local s = fiber.now() fiber.sleep(0.03) print(fiber.now() - s >= 0.03)`, "true"},
		"fiber outlives":   {`fiber.timeout(0.3, function() f = fiber.spawn(function() fiber.sleep(0.5) return "lives" end) fiber.sleep(9) end) print(f:join())`, "true\tlives"},
		"yields out of it": {`local co = coroutine.wrap(function() return select(2, fiber.timeout(0.3, function() coroutine.yield(1) fiber.sleep(9) end)).code end) co() local s = fiber.now() fiber.sleep(0.4) print(fiber.now() - s >= 0.4, co())`, "true\tETIMEDOUT"},
		"resumed inside":   {`local co = coroutine.wrap(function() coroutine.yield(1) fiber.sleep(9) end) co() print(select(2, fiber.timeout(0.01, co)).code)`, "ETIMEDOUT"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c[0], c[1]) })
	}
}

// 100,000 sleeping fibers are to fit into 2 GiB (BenchmarkSleepingFibers does it); this holds a tenth of them to their
// share.
func TestSleepingFibersAreSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("-race has shadow memory")
	}
	const fibers, share = 10_000, 2 << 30 / 100_000
	w, _ := newWorld(t)
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	if _, err := run(w, `for i = 1, ... do fiber.spawn(function(x) fiber.sleep(3600) return x end, i) end fiber.yield()`, fibers); err != nil {
		t.Fatal(err)
	}
	each := (int64(used()) - int64(before)) / fibers
	t.Logf("%d bytes each", each)
	if each > share {
		t.Errorf("a sleeping fiber takes %d bytes, 100,000 of them more than 2 GiB", each)
	}
}
