package lua

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// inVain are mistakes: what is called or indexed is not what it was taken for. Where want is empty, nsh cannot tell the name.
var inVain = []struct{ script, want string }{
	{`string.fromat("x")`, "attempt to call a nil value (field 'fromat'), did you mean 'string.format'?"},
	{`("x"):fromat()`, "attempt to call a nil value (method 'fromat')"},
	{`prnt(1)`, "attempt to call a nil value (global 'prnt'), did you mean 'print'?"},
	{`return prnt(1)`, "attempt to call a nil value (global 'prnt'), did you mean 'print'?"},
	{`print(string.fromat(a or b, not a and b))`, "attempt to call a nil value (field 'fromat'), did you mean 'string.format'?"},
	{`local x = strng.format("x")`, "attempt to index a nil value (global 'strng'), did you mean 'string'?"},
	{`if strng.format then end`, "attempt to index a nil value (global 'strng'), did you mean 'string'?"},
	{`x.y.z = 1`, "attempt to index a nil value (global 'x')"},
	{`local a = {b = {}} a.b.c.d = 1`, "attempt to index a nil value (field 'c')"},
	{`local s = string; s.fromat("x")`, "attempt to call a nil value (field 'fromat'), did you mean 's.format'?"},
	{`local t = {push = print} t:psh()`, "attempt to call a nil value (method 'psh'), did you mean 't:push'?"},
	{`local s = "x" s()`, "attempt to call a string value (local 's')"},
	{`local u local function f() u() end f()`, "attempt to call a nil value (upvalue 'u')"},
	{`for i, v in ipairs{1} do v() end`, "attempt to call a number value (local 'v')"},
	{`for i = 1, 2 do i.x = 1 end`, "attempt to index a number value (local 'i')"},
	{`for k in {} do end`, "attempt to call a table value: 'for' takes an iterator, such as pairs(t)"},
	{`local r = nil; r = r.x`, "attempt to index a nil value (local 'r')"},
	{`(function() end)().x = 1`, "attempt to index a nil value with key 'x'"},
	{`(nil)()`, "attempt to call a nil value"},

	// gopher-lua's note of where a variable ends is wrong where two have had the same register.
	{`do local a = 1 end prnt(1) local b = 1`, "attempt to call a nil value (global 'prnt'), did you mean 'print'?"},
	{`do local a = 1 end local s = string s.fromat()`, "attempt to call a nil value (field 'fromat'), did you mean 'string.format'?"},
	{`do local a, b = 1, {} end local q = {open = 1} q.opn.x = 1`, "attempt to index a nil value (field 'opn')"},

	// The instruction ahead is not the one that was run.
	{`local x if a then x = foo else x = bar end x() do local y = 1 end do local z = 1 end`, "attempt to call a nil value"},
	{`local f = a and foo or bar do local y = 1 end do local z = 1 end f()`, "attempt to call a nil value"},
	{`local s repeat if s then s() end s = strng or 1 until false`, "attempt to call a number value (local 's')"},
}

func TestNamed(t *testing.T) {
	for _, c := range inVain {
		w, _ := newWorld(t)
		_, err := run(w, c.script)
		if err == nil {
			t.Errorf("%s: no error", c.script)
			continue
		}
		_, got, _ := strings.Cut(err.Error(), ":1: ")
		if got != c.want {
			t.Errorf("%s:\n%s\nwanted: %s", c.script, got, c.want)
		}
		w, _ = newWorld(t)
		values, err := run(w, "local ok, e = pcall(function() "+c.script+" end) return e")
		if err != nil || len(values) != 1 || !strings.Contains(values[0].String(), ":1: attempt to ") {
			t.Errorf("%s, in pcall: %v, %v", c.script, values, err)
		}
	}
}

// TestNamesAreLua51s asks C Lua for the names; it may know more, and nothing else.
func TestNamesAreLua51s(t *testing.T) {
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed: the names are taken at their word")
	}
	theirs := regexp.MustCompile(`attempt to (?:call|index) (\w+ '[^']*') \(a`)
	ours := regexp.MustCompile(`value \((\w+ '[^']*')\)`)
	for _, c := range inVain {
		out, _ := exec.Command(path, "-e", c.script).CombinedOutput()
		want, got := theirs.FindStringSubmatch(string(out)), ours.FindStringSubmatch(c.want)
		if got != nil && (want == nil || want[1] != got[1]) {
			t.Errorf("%s: nsh says %s, lua5.1 %q", c.script, got[1], out)
		}
	}
}
