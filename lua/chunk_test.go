package lua

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestIncomplete(t *testing.T) {
	for src, want := range map[string]bool{
		"if x then": true, "if x then y()": true, "while true do": true, "for i = 1, 3 do": true, "for k, v in pairs(t)": true, "repeat": true, "repeat x()": true,
		"function f()": true, "local function f(a,": true, "local f = function()\n  return 1": true, "do": true, "print(": true, "print(1,": true, "t = {": true,
		"t = {1,\n2,": true, "x = [[long": true, "x = [==[ ]] ]=]": true, "--[[ comment": true, "--[==[ ]]": true, "x =": true, "x = 1 +": true, "x = a ..": true,
		"x = not": true, "return f(function()": true, "x = a and": true, "local": true, "t.": true, "t:m": true, "goto": true, "if a then b() else": true,
		"x = 'abc": false, `x = "abc`: false, "x = 'abc\ny = 1": false, "x = = 1": false, "end": false, "x = )": false, "if x then end end": false, "x = 1": false,
		"": false, "-- comment": false, "#!/usr/bin/env nsh": false, "f{": true, "f'": false, "x = {} }": false, "for": true, "x": true, "x.y": true, "1": false, "return return": false,
	} {
		_, err := Compile("c", src)
		var se *SyntaxError
		if got := errors.As(err, &se) && se.Incomplete; got != want {
			t.Errorf("%q: incomplete = %v, wanted %v (%v)", src, got, want, err)
		}
	}
}

func TestSyntaxPositions(t *testing.T) {
	for src, want := range map[string]string{
		"x = = 1":                       "c:1: syntax error near '='",
		"\n\nlocal x = )":               "c:3: syntax error near ')'",
		"#!/usr/bin/env nsh\nx = = 1":   "c:2: syntax error near '='",
		"x = 1\ny = 'abc\nz = 2":        "c:2: unterminated string",
		"x = 1\n\ny = \"abc":            "c:3: unterminated string",
		"if x then\n":                   "c:1: unexpected end of input",
		"x = [[a\nb":                    "c:2: ",
		"goto nowhere":                  "c:2: no visible label 'nowhere'",
		"break":                         "c:1: ",
		"\x1bLuaQ":                      "c:1: this is compiled Lua",
		"\n" + strings.Repeat("(", 201): "c:2: nested more than 200 deep",
		"x = 5 5":                       "c:1: syntax error near '5'",
	} {
		_, err := Compile("c", src)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, wanted %s", src, err, want)
		}
	}
}

func TestDepth(t *testing.T) {
	for _, open := range []string{"(", "{", "f(", "t["} {
		shut := map[byte]string{'(': ")", '{': "}", '[': "]"}[open[len(open)-1]]
		for depth, fine := range map[int]bool{190: true, 201: false, 1000: false} {
			src := "x = " + strings.Repeat(open, depth) + "1" + strings.Repeat(shut, depth)
			if _, err := Compile("c", src); (err == nil) != fine {
				t.Errorf("%d x %s: %v", depth, open, err)
			}
		}
	}
	for _, block := range []string{"do ", "if x then ", "while x do ", "for i = 1, 2 do ", "f = function() "} {
		if _, err := Compile("c", strings.Repeat(block, 40)+strings.Repeat("end ", 40)); err != nil {
			t.Errorf("40 x %s: %v", block, err)
		}
		if _, err := Compile("c", strings.Repeat(block, 250)+strings.Repeat("end ", 250)); err == nil {
			t.Errorf("250 x %s: no error", block)
		}
	}
}

// What people and programs write is long, not deep.
func TestLongScriptsAreFine(t *testing.T) {
	for name, c := range map[string]struct {
		unit string
		n    int
	}{
		"statements":      {"t.x.y = t.x.y - 1\n", 20000},
		"calls":           {"log.out(a.b .. \"x\")\n", 30000},
		"methods":         {"o:m(a.b.c)\n", 40000},
		"blocks":          {"if a.b then\n  for i = 1, #t do\n    f(t[i])\n  end\nelseif not c then g() else h() end\n", 5000},
		"functions":       {"local function f(a, ...)\n  return -a.x ^ 2, not b, function() return {a, [1] = 2, c = {}} end\nend f()\n", 150},
		"repeat":          {"repeat local x = y.z until not x or #x > 0\n", 10000},
		"data":            {"row{1, -2, 'three', {x = 4, [\"y z\"] = -5}}\n", 10000},
		"comments":        {"-- if ( { [[ then do function\n--[[ ( ( (\n]] x()\n", 10000},
		"strings":         {"s('if ( { then do', \"function\", [[ do ( ]], '\\'(', \"\\\"(\")\n", 10000},
		"long expression": {"x = a + b - c * d / e % f .. g\n", 10000},
	} {
		src := strings.Repeat(c.unit, c.n)
		if len(src) > maxSource {
			t.Fatalf("%s: the test is too long", name)
		}
		if _, err := Compile("c", src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chunk can run in many worlds; a first line with #! keeps the line numbers.
func TestChunkInWorlds(t *testing.T) {
	c, err := Compile("c.lua", "#!/usr/bin/env nsh\nlocal a, b = ...\nx = (x or 0) + a\nreturn x, b, debug, error and select('#', ...)")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w, _ := newWorld(t)
		v, err := w.Exec(t.Context(), c, 2, "b")
		if err != nil || fmt.Sprint(v[0], v[1], v[2], v[3]) != "2 b nil 2" {
			t.Error(v, err)
		}
	}
}
