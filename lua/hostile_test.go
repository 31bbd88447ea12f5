package lua

import (
	"testing"
	"time"
)

// What gopher-lua's own library cannot interrupt, or dies of (facts: the 45-byte pattern, rep, concat, parser depth).
// Three things only an outer fence can hold, since they happen inside one instruction of the virtual machine or in
// memory that a script may well want: `s = s .. s` without end, t[6e7] = 1 on an empty table (a dense array of 1 GB),
// and holding on to more and more small values.
func TestHostile(t *testing.T) {
	const deadline, grace = 100 * time.Millisecond, 100 * time.Millisecond
	slack := grace
	if raceEnabled {
		slack = 10 * grace // -race slows this by ten times
	}
	for _, src := range []string{
		`while true do end`,
		`local function f() return f() end f()`,
		`("a"):rep(40):find(("a*"):rep(40) .. "b")`,
		`("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))`,
		`("a"):rep(3000):find(("a-"):rep(6) .. "b")`,
		`("a"):rep(5e6):find(".-b")`,
		`("a"):rep(5e6):find(".-.-.-b")`,
		`("("):rep(1e5):find("%b()%b()")  ("("):rep(1e6):gsub("%b()", "")`,
		`local s = ("a"):rep(2e7) s:gsub("a", pcall) s:gsub("a", {})`,
		`("x"):rep(1e5):gsub(".", ("y"):rep(1e5))`,
		`pcall(string.rep, "x", 1e12)`, `pcall(string.rep, "x", 1e13)`, `string.rep("x", 1e9)`, `string.rep("x", 2^28)`, `string.rep("", 1e12)`,
		`string.rep("x", 5e18)`, `string.rep("abc", 1e8, "def")`,
		`local b = ("x"):rep(1e8) local t = {} for i = 1, 1000 do t[i] = b end table.concat(t)`,
		`pcall(string.find, "x", ("("):rep(2e7))`, `("x"):find(("(x"):rep(30) .. (")"):rep(30))`,
		`string.format("%99999999d", 1)`, `string.format("%1000d", 1)`, `string.format("%s")`, `string.format("%")`,
		`fiber.channel(1e10)`, `fiber.channel():send(1)`, `fiber.channel():recv()`,
		`loadstring(("("):rep(1e6))`, `loadstring("x = " .. ("{"):rep(5e5))`, `loadstring(("function f() "):rep(1e5))`,
		`loadstring("return " .. ("-"):rep(1e6) .. "1")`, `loadstring("return " .. ("not "):rep(9e5) .. "1")`, `loadstring("return 1" .. ("..1"):rep(1e6))`,
		`loadstring("return " .. ("1,"):rep(5e5) .. "1")`, `loadstring(("x=1 "):rep(1e6))`,
		`local function f() coroutine.wrap(f)() end f()`, `local function f() pcall(f) end f()`, `local function f() t.call(f) end f()`,
		`local function f() return coroutine.wrap(f)() end while true do pcall(f) end`,
		`local function f() f() end f()`, `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x`,
		`local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end tostring(t)`,
		`local function f() ("x"):gsub(".", f) end f()`, `local function f() table.sort({1, 2}, f) end f()`,
		`table.sort({3, 1, 2, 5, 4}, function() return true end)`, `table.sort({1, 2, 3}, function() while true do end end)`,
		`unpack({}, 1, 1e8)`, `("x"):rep(1e6):byte(1, -1)`, `string.char(unpack({}, 1, 1e6))`,
		`for i = 1, 1e9 do fiber.spawn(function() end):cancel() end`, `while true do fiber.spawn(fiber.yield) fiber.yield() end`,
		`while true do collectgarbage() end`,
		`table.move({}, 1, 1e15, 2)`, `table.move({}, 1, 1e15, 1, {})`, `utf8.len(("x"):rep(2^27))`,
		`local t = {} t[1] = t print(t) print({t, {t}})`,
		`print(("\27]52;c;aGk=\7"):rep(10))`,
		`fiber.all{}`, `fiber.sleep(math.huge)`, `fiber.timeout(math.huge, fiber.sleep, math.huge)`,
		`os.exit = nil; error(setmetatable({}, {__tostring = function() while true do end end}))`,
		`tostring(setmetatable({}, {__tostring = function() return {} end}))`,
		`io.open("/dev/zero"):read("*a")`, `io.open("/dev/zero"):read("*l")`, `io.open("/dev/zero"):read(1e15)`, `for l in io.lines("/dev/zero") do end`,
		`io.popen("yes ' '"):read("*n")`, `io.popen("cat /dev/zero"):read("*a")`, `io.open("/dev/full", "w"):write(("x"):rep(1e8))`, `dofile("/dev/zero")`,
		`io.tmpfile():write(string.rep("x", 2^28))`,
		`error()`, `error(nil)`, `error({})`, `error(error)`,
	} {
		t.Run("", func(t *testing.T) {
			// A machine with other things to do may hold up one try; what cannot be interrupted is late each time.
			for try := 1; ; try++ {
				w, _ := newWorld(t)
				start, before := time.Now(), processorTime()
				_, err := runWithin(w, src, deadline)
				ended, used := time.Since(start), processorTime()-before
				start = time.Now()
				w.Close()
				closed := time.Since(start)
				if ended <= deadline+slack && closed <= time.Second {
					return
				}
				if used <= deadline+slack && ended+closed <= 20*(deadline+slack) { // it was not given the processor
					return
				}
				if try == 3 {
					t.Fatalf("%.80s: ended after %v, %v of the processor (%v); closing took %v", src, ended, used, err, closed)
				}
			}
		})
	}
}

// What scripts can reach from the globals and the metatables of basic values is on this list; a new name must be put
// there on purpose.
func TestReach(t *testing.T) {
	expect(t, `for _, name in ipairs{"newproxy", "_printregs", "module", "debug", "channel"} do
  if _G[name] ~= nil then print(name) end
end
print(string.dump, os.setenv, getmetatable(""), string.gfind)
print(pcall(setmetatable, "x", {}))
print(getmetatable(fiber.current()), pcall(setmetatable, fiber.current(), {}))`,
		`nil	nil	string	nil
false	cannot change a protected metatable
Fiber	false	cannot change a protected metatable`)
}
