package lua

import "testing"

func TestChannelSemantics(t *testing.T) {
	for name, c := range map[string][2]string{
		"in order": {`local c = fiber.channel() fiber.spawn(function() for i = 1, 5 do c:send(i) end c:close() end)
for v in function() return c:recv() end do io.write(v, " ") end print()`, "1 2 3 4 5 "},
		"unbuffered waits": {`local c, log = fiber.channel(), {} local f = fiber.spawn(function() c:send("x") log[#log + 1] = "sent" end)
fiber.yield() log[#log + 1] = "before" c:recv() fiber.yield() log[#log + 1] = "after" print(table.concat(log, " "))`, "before sent after"},
		"buffered does not": {`local c = fiber.channel(2) c:send(1) c:send(2) print(c:send(3, 0.005)) print(c:recv(), c:recv(), c:recv(0.005))`,
			"nil\tchannel send nobody was there within 5ms\n1\t2\tnil\tchannel recv nobody was there within 5ms"},
		"close":             {`local c = fiber.channel(3) c:send(1) c:send(2) print(c:close(), c:close()) print(c:recv(), c:recv(), c:recv(), c:recv())`, "true\ttrue\n1\t2\tnil\tnil"},
		"send after close":  {`local c = fiber.channel(3) c:close() print(pcall(function() c:send(1) end))`, "false\ttest.lua:1: Channel:send: the channel is closed"},
		"close wakes recv":  {`local c = fiber.channel() local f = fiber.spawn(function() return "end", c:recv() end) fiber.yield() c:close() print(f:join())`, "true\tend\tnil"},
		"close wakes send":  {`local c = fiber.channel() local f = fiber.spawn(function() c:send(1) end) fiber.yield() c:close() print(f:join())`, "nil\ttest.lua:1: Channel:send: the channel is closed"},
		"nil":               {`print(pcall(function() fiber.channel():send(nil) end))`, "false\ttest.lua:1: Channel:send: argument 1 (value): nil cannot be sent; close the channel to say that it is over"},
		"false":             {`local c = fiber.channel(1) c:send(false) print(c:recv())`, "false"},
		"identity":          {`local c, x = fiber.channel(1), {} c:send(x) print(c:recv() == x)`, "true"},
		"bad timeout":       {`local c = fiber.channel() print(pcall(function() c:recv("x") end))`, "false\ttest.lua:1: Channel:recv: argument 1 (timeout): number of seconds expected, got string"},
		"bad timeout, send": {`local c = fiber.channel() pcall(c.send, c, 1, "x") print(c:recv(0.001))`, "nil\tchannel recv nobody was there within 1ms"},
		"receivers take turns": {`local c, got = fiber.channel(), {}
for i = 1, 3 do fiber.spawn(function() for v in function() return c:recv() end do got[#got + 1] = i .. v end end) end
fiber.yield() for _, v in ipairs{"a", "b", "c", "d", "e", "f"} do c:send(v) end fiber.yield() print(table.concat(got, " "))`, "1a 1d 2b 3c 1e 2f"},
		"senders take turns": {`local c = fiber.channel()
for i = 1, 3 do fiber.spawn(function() for j = 1, 2 do c:send(i .. "." .. j) end end) end
fiber.yield() local got = {} for i = 1, 6 do got[i] = c:recv() fiber.yield() end print(table.concat(got, " "))`, "1.1 2.1 3.1 1.2 2.2 3.2"},
		"cancelled receiver": {`local c = fiber.channel() local a = fiber.spawn(function() return c:recv() end) local b = fiber.spawn(function() return c:recv() end)
fiber.yield() a:cancel() c:send("x") print(select(2, a:join()).code, b:join())`, "ECANCELED\ttrue\tx"},
		"cancelled sender": {`local c = fiber.channel() local a = fiber.spawn(function() c:send("a") end) local b = fiber.spawn(function() c:send("b") end)
fiber.yield() a:cancel() print(c:recv(), c:recv(0.005))`, "b\tnil\tchannel recv nobody was there within 5ms"},
		"in a coroutine": {`local c = fiber.channel() fiber.spawn(function() fiber.sleep(0.001) c:send("v") end) print(coroutine.wrap(function() return c:recv() end)())`, "v"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, c[0], c[1]) })
	}
}

// Receivers and senders whose time is over at the very moment when they could be served: nothing is lost, nothing comes
// twice. Somebody computes past the deadline and then hands over, so that the time is up before the hand-over.
func TestChannelTimeoutRace(t *testing.T) {
	w, _ := newWorld(t)
	for i := 0; i < 30; i++ {
		v, err := run(w, `local function spin(s) local till = fiber.now() + s while fiber.now() < till do end end
local c, got = fiber.channel(), {}
local fibers = {}
for i = 1, 4 do fibers[i] = fiber.spawn(function() local v = c:recv(i <= 2 and 0.001 or 1) got[#got + 1] = v end) end
fiber.yield() spin(0.003)
c:send("a") c:send("b")
for i = 1, 4 do fibers[i]:join() end
local sent, received = 0, 0
for i = 1, 4 do fibers[i] = fiber.spawn(function() if c:send(i, i <= 2 and 0.001 or 1) then sent = sent + 1 end end) end
fiber.yield() spin(0.003)
while c:recv(0.005) do received = received + 1 end
for i = 1, 4 do fibers[i]:join() end
return table.concat(got, " ") .. " " .. sent .. " " .. received`)
		if err != nil || v[0].String() != "a b 2 2" {
			t.Fatalf("run %d: %v %v", i, v, err)
		}
	}
}
