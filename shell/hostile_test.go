package shell

import (
	"strings"
	"testing"
	"time"
)

// TestPrivateHostile runs what would hang or kill an interpreter, or get out of it. The shell that started it lives, and
// says what it was; nothing takes longer than its limits allow.
func TestPrivateHostile(t *testing.T) {
	needsFence(t)
	const limited, short = "--time 1s --memory 256M FILE", "--time 0.3 FILE"
	const any, late = "", "was ended after 300ms (--time)"
	for name, c := range map[string]struct{ args, text, err string }{
		// what computes, or waits
		"loop":            {short, "while true do end", late},
		"pcall loop":      {short, "while true do pcall(function() while true do end end) end", late},
		"xpcall loop":     {short, "xpcall(function() while true do end end, function() while true do end end)", late},
		"coroutine loop":  {short, "coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()", late},
		"tail calls":      {short, "local function f() return f() end f()", late},
		"comparator":      {short, "table.sort({1, 2, 3}, function() while true do end end)", late},
		"callback":        {short, "('x'):rep(1e6):gsub('.', function() local t = {} for i = 1, 1e9 do t[1] = i end end)", late},
		"go callback":     {short, "local s = ('a'):rep(2e7) while true do s:gsub('a', pcall) s:gsub('a', {}) end", late},
		"growing":         {limited, "local s = ('x'):rep(1e6) for i = 1, 99 do s = s:gsub('x', 'xx') end", any},
		"wait":            {short, "demo.wait()", late},
		"receive":         {short, "fiber.channel():recv()", late},
		"send":            {short, "fiber.channel():send(1)", late},
		"collect":         {short, "while true do collectgarbage() end", late},
		"pattern":         {limited, "print(('a'):rep(40):find(('a*'):rep(40) .. 'b'))", any},
		"pattern cubed":   {limited, "while true do ('a'):rep(3000):find(('a-'):rep(6) .. 'b') end", any},
		"pattern squared": {limited, "while true do ('a'):rep(5e6):find('.-b') end", any},
		"fiber loops":     {limited, "for i = 1, 9 do fiber.spawn(function() while true do end end) end fiber.sleep(9)", any},
		"at the host":     {"--host --time 0.3 FILE", "demo.wait()", late},
		// what fills the memory, or the stack
		"doubling":   {limited, "local s = 'x' while true do s = s .. s end", any},
		"big index":  {limited, "local t = {} for i = 1, 9 do t[i] = {} t[i][6e7] = 1 end", any},
		"rep":        {limited, "local t = {} for i = 1, 1e6 do t[i] = string.rep('x', 1e7) .. i end", any},
		"rep 1e9":    {limited, "string.rep('x', 1e9)", any},
		"rep 1e12":   {limited, "print(pcall(string.rep, 'x', 1e12)) string.rep('x', 1e12)", any},
		"rep 5e18":   {limited, "string.rep('x', 5e18)", any},
		"channel":    {limited, "fiber.channel(1e10)", "fiber.channel: argument 1 (n)"},
		"concat":     {limited, "local b, t = ('x'):rep(1e8), {} for i = 1, 1000 do t[i] = b end table.concat(t)", any},
		"tables":     {limited, "local t = {} while true do t = {t, {}} end", any},
		"captures":   {limited, "string.find('x', ('('):rep(2e7))", any},
		"parens":     {limited, "assert(loadstring(('('):rep(1e6)))", any},
		"braces":     {limited, "assert(loadstring('x = ' .. ('{'):rep(5e5)))", any},
		"functions":  {limited, "assert(loadstring(('function f() '):rep(7e4)))", any},
		"coroutines": {limited, "local function f() coroutine.wrap(f)() end f()", any},
		"gsub":       {limited, "print(#('x'):rep(1e5):gsub('.', ('y'):rep(1e5)))", any},
		"fibers":     {limited, "while true do fiber.spawn(fiber.sleep, 9) end", any},
		"recursion":  {limited, "local function f() f() end f()", "stack overflow"},
		"__index":    {limited, "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x", any},
		"__tostring": {limited, "local t = setmetatable({}, {}) getmetatable(t).__tostring = tostring tostring(t)", any},
		"unpack":     {limited, "unpack({}, 1, 1e8)", any},
		"byte":       {limited, "('x'):rep(1e7):byte(1, -1)", any},
		"closed":     {limited, "local c = fiber.channel() c:close() c:close() c:send(1)", "the channel is closed"},
		// what would get out
		"execute":   {"FILE", "os.execute('true')", "a script file starts no programs"},
		"popen":     {"FILE", "io.popen('id')", "a script file starts no programs"},
		"getenv":    {"FILE", "os.getenv('HOME')", "does not see the environment"},
		"open":      {"FILE", "assert(io.open('/etc/passwd'))", "reads below its own folder only"},
		"dofile":    {"FILE", "dofile('/etc/passwd')", "reads below its own folder only"},
		"loadfile":  {"FILE", "assert(loadfile('/etc/passwd'))", "reads below its own folder only"},
		"require":   {"FILE", "require('/etc/passwd')", "no module"},
		"remove":    {"FILE", "os.remove('/etc/hosts')", "writes"},
		"bytecode":  {"FILE", "assert(loadstring('\\27Lua'))", any},
		"dump":      {"FILE", "string.dump(function() end)", any},
		"metatable": {"FILE", "getmetatable('').__index = {}  error('a string has ' .. type((''):rep(2)))", any},
		"receiver":  {"FILE", "local c, f = fiber.channel(), fiber.current() c.send(f, 1)", "Channel:send"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(c.args)
			args[len(args)-1] = script(t, c.text)
			start := time.Now()
			got := finish(t, nsh(t, args...))
			t.Logf("%v %s", time.Since(start).Round(10*time.Millisecond), strings.SplitN(got.stderr, "\n", 2)[0])
			if got.code != 1 || !strings.Contains(got.stderr, c.err) || got.stderr == "" || strings.Contains(got.stderr, "goroutine ") || time.Since(start) > 5*time.Second {
				t.Errorf("exit code %d after %v: %.2000s", got.code, time.Since(start), got.stderr)
			}
		})
	}
}

// TestPrivateHarmless runs what a hostile script may do, for it is done to itself only.
func TestPrivateHarmless(t *testing.T) {
	needsFence(t)
	for text, c := range map[string]struct {
		code int
		out  string
	}{
		"os.exit(77)":                                                                   {77, ""},
		"print(pcall(string.rep, 'x', 1e13))":                                           {0, "false\t"},
		"print(newproxy, _printregs, module, debug, channel)":                           {0, "nil\tnil\tnil\tnil\tnil\n"},
		"print(setfenv(loadstring('return os'), {})())":                                 {0, "nil\n"},
		"print(os.setenv, getmetatable(fiber.channel()))":                               {0, "nil\tChannel\n"},
		"print(pcall(setmetatable, fiber.channel(), {}))":                               {0, "false\t"},
		"local c = fiber.channel() c:close() print(pcall(c.send, c, 1))":                {0, "false\t"},
		"table.sort({3, 1, 2, 5, 4, 9, 7}, function() return true end) print('sorted')": {0, ""},
	} {
		got := finish(t, nsh(t, script(t, text)))
		if got.code != c.code && !(strings.HasPrefix(text, "table.sort") && got.code == 1) || !strings.HasPrefix(got.out, c.out) {
			t.Errorf("%s: exit code %d: %s%s", text, got.code, got.out, got.stderr)
		}
	}
}
