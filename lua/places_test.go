package lua

import (
	"fmt"
	"testing"
)

// places are those in which a host that schedules by gopher-lua's yield drops the task, or crashes. WAIT(x) waits and
// is x; each body returns "ok".
var places = map[string]string{
	"statement":          `WAIT(1); return "ok"`,
	"expression":         `return WAIT("o") .. WAIT("k")`,
	"nested calls":       `local function f(n) if n == 0 then return WAIT("ok") end return (f(n - 1)) end return (f(5))`,
	"tail call":          `return WAIT("ok")`,
	"tail calls":         `local function f(n) if n == 0 then return WAIT("ok") end return f(n - 1) end return f(50)`,
	"loops":              `local s = 0 for i = 1, 3 do s = s + WAIT(i) end while s < 7 do s = s + WAIT(1) end repeat s = WAIT(s) until s == 7 return "ok"`,
	"pcall":              `local ok, v = pcall(function() return WAIT("ok") end) return ok and v`,
	"pcall of it":        `local ok, v = pcall(WAIT, "ok") return ok and v`,
	"pcall, then error":  `local ok, e = pcall(function() WAIT(1) error("x", 0) end) return not ok and e == "x" and "ok"`,
	"pcall in pcall":     `return select(3, pcall(pcall, function() return WAIT("ok") end))`,
	"xpcall":             `local ok, v = xpcall(function() return WAIT("ok") end, print) return v`,
	"xpcall handler":     `local _, v = xpcall(function() error("x", 0) end, function(e) return WAIT(e == "x" and "ok") end) return v`,
	"__index":            `return setmetatable({}, {__index = function(_, k) return WAIT(k) end}).ok`,
	"__newindex":         `local got; local p = setmetatable({}, {__newindex = function(_, k, v) got = WAIT(v) end}) p.x = "ok" return got`,
	"__call":             `return setmetatable({}, {__call = function(_, v) return WAIT(v) end})("ok")`,
	"__add":              `return setmetatable({}, {__add = function(a, b) return WAIT(b) end}) + "ok"`,
	"__sub __mul":        `local m = setmetatable({}, {__sub = function(a, b) return WAIT(b) end, __mul = function(a, b) return WAIT(b) end}) return (m - "o") .. (m * "k")`,
	"__div __mod __pow":  `local f = function(a, b) return WAIT(b) end local m = setmetatable({}, {__div = f, __mod = f, __pow = f}) return m / "o" .. m % "k" .. m ^ ""`,
	"__unm":              `return -setmetatable({}, {__unm = function() return WAIT("ok") end})`,
	"__concat":           `return setmetatable({}, {__concat = function(a, b) return WAIT("ok") end}) .. "x"`,
	"__len":              `return #setmetatable({}, {__len = function() return WAIT(2) end}) == 2 and "ok"`,
	"__eq":               `local m = {__eq = function() return WAIT(true) end} return setmetatable({}, m) == setmetatable({}, m) and "ok"`,
	"__lt __le":          `local m = {__lt = function() return WAIT(true) end, __le = function() return WAIT(true) end} local a, b = setmetatable({}, m), setmetatable({}, m) return a < b and a <= b and "ok"`,
	"__tostring":         `return tostring(setmetatable({}, {__tostring = function() return WAIT("ok") end}))`,
	"iterator":           `local n = 0 for v in function() n = n + 1 return WAIT(n < 4 and n or nil) end do n = v end return n == 4 and "ok"`,
	"iterator, stateful": `local r = "" for i, v in (function() return function(s, i) if i < 2 then return WAIT(i + 1), s[i + 1] end end, {"o", "k"}, 0 end)() do r = r .. v end return r`,
	"sort":               `local t = {3, 1, 2} table.sort(t, function(a, b) return WAIT(a < b) end) return t[1] == 1 and t[2] == 2 and t[3] == 3 and "ok"`,
	"gsub":               `return (("xy"):gsub(".", function(c) return WAIT(({x = "o", y = "k"})[c]) end))`,
	"gsub, table":        `return (("xy"):gsub(".", setmetatable({}, {__index = function(_, c) return WAIT(({x = "o", y = "k"})[c]) end})))`,
	"gmatch body":        `local r = "" for c in ("ok"):gmatch(".") do r = r .. WAIT(c) end return r`,
	"format":             `return string.format("%s", setmetatable({}, {__tostring = function() return WAIT("ok") end}))`,
	"Go function":        `return t.call(function(v) return WAIT(v) end, "ok")`,
	"Go in Go":           `return t.call(t.call, function(v) return WAIT(v) end, "ok")`,
	"pcall in Go":        `return select(2, t.call(pcall, function() return WAIT("ok") end))`,
	"loadstring":         `return assert(loadstring("local WAIT = ... return WAIT('ok')"))(WAIT)`,
	"loadstring, tail":   `return loadstring("return (...)('ok')")(WAIT)`,
	"load":               `local n = 0 return load(function() n = n + 1 return WAIT(({"return ", "'ok'"})[n]) end)()`,
	"vararg":             `return (select(2, WAIT(1), WAIT("ok")))`,
	"upvalues":           `local x = "no" local f = function() x = WAIT("ok") end f() return x`,
	"method":             `local o = {} function o:m(v) return WAIT(v) end return o:m("ok")`,
	"generator":          `local g = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) local s = 0 for v in g do s = s + v; WAIT(1) end return s == 6 and "ok"`,
	"with":               `return with({close = function() WAIT(1) end}, function() return WAIT("ok") end)`,
	"fiber.timeout":      `return fiber.timeout(10, function() return WAIT("ok") end)`,
	"after an error":     `pcall(error) pcall(function() local x = nil; x() end) return WAIT("ok")`,
	"deep in coroutines": `local function nest(n) if n == 0 then return "ok" end return coroutine.wrap(function() return nest(n - 1) end)() end WAIT(1) return nest(20)`,
}

// only for waiting: these places are not inside the coroutine that yields, or yield for themselves.
var waitPlaces = map[string]string{
	"generator that waits": `local g = coroutine.wrap(function() for i = 1, 3 do WAIT(i) coroutine.yield(i) end end) local s = 0 for v in g do s = s + v end return s == 6 and "ok"`,
	"own coroutine":        `local co = coroutine.create(function(a) local b = coroutine.yield(WAIT(a)) return WAIT(b) end) local _, x = coroutine.resume(co, "o") local _, y = coroutine.resume(co, "k") return x .. y`,
	"wrap in pcall":        `local f = coroutine.wrap(function() WAIT(1) error("x", 0) end) local ok, e = pcall(f) return e == "x" and "ok"`,
	"fiber in fiber":       `local _, v = fiber.spawn(function() return WAIT("ok") end):join() return v`,
	"fiber.all":            `local _, r = fiber.all{function() return WAIT("o") end, function() return WAIT("k") end} return r[1] .. r[2]`,
}

// twenty runs a body in 20 fibers at once.
const twenty = `
local function body(WAIT) %s end
local fibers = {}
for i = 1, 20 do fibers[i] = fiber.spawn(function() %s end) end
for i = 1, 20 do
  local ok, v = fibers[i]:join()
  if v ~= "ok" then error("fiber " .. i .. ": " .. tostring(ok) .. " " .. tostring(v), 0) end
end`

func TestEveryPlace(t *testing.T) {
	w, _ := newWorld(t)
	try := func(kind, name, body, drive string) {
		t.Run(kind+"/"+name, func(t *testing.T) {
			if _, err := run(w, fmt.Sprintf(twenty, body, drive)); err != nil {
				t.Error(err)
			}
		})
	}
	// The driver of a coroutine gives back what it yields, and counts that it was reached.
	const yielding = `local co, v = coroutine.create(body) local n, ok = 0
		ok, v = coroutine.resume(co, coroutine.yield)
		while coroutine.status(co) == "suspended" do n = n + 1; if n % 2 == 0 then fiber.yield() end ok, v = coroutine.resume(co, v) end
		if n == 0 then error("it never yielded") end
		if not ok then error(v, 0) end
		return v`
	for name, body := range places {
		try("wait", name, body, `return body(t.block)`)
		try("sleep", name, body, `return body(function(...) fiber.sleep(0.001) return ... end)`)
		if name != "generator" {
			try("yield", name, body, yielding)
		}
	}
	for name, body := range waitPlaces {
		try("wait", name, body, `return body(t.block)`)
	}
	t.Run("main chunk", func(t *testing.T) {
		if v, err := run(w, `return t.block("ok")`); err != nil || len(v) != 1 || v[0].String() != "ok" {
			t.Error(v, err)
		}
	})
}
