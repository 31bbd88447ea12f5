package shell

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
)

func TestReport(t *testing.T) {
	script := func(line int, message string) error {
		return &lua.ScriptError{File: "lab.lua", Line: line, Message: message}
	}
	const lab = "local a = 1\n\nlocal s = server.start{modle = \"epoll\"}\n\tconn:recv(1.5) -- recv\n" +
		"x = y.z.w\nlocal é = f('日', bad)\r\nprint('\x1b[2J', oops)\n"
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"option": {script(3, "server.start: option 'modle' unknown, did you mean 'model'?"), `
lab.lua:3: server.start: option 'modle' unknown, did you mean 'model'?
  3 | local s = server.start{modle = "epoll"}
    |                        ^
`},
		"function": {script(3, "server.start: not now"), `
lab.lua:3: server.start: not now
  3 | local s = server.start{modle = "epoll"}
    |           ^
`},
		"argument": {script(4, "Conn:recv: argument 1 (n): a whole number expected, got 1.5"), `
lab.lua:4: Conn:recv: argument 1 (n): a whole number expected, got 1.5
  4 |     conn:recv(1.5) -- recv
    |          ^
`},
		"key": {script(5, "attempt to index a value that is not a table: (nil) with key 'w'"), `
lab.lua:5: attempt to index a value that is not a table: (nil) with key 'w'
  5 | x = y.z.w
    |         ^
`},
		"wide": {script(6, "f: bad: it is"), `
lab.lua:6: f: bad: it is
  6 | local é = f('日', bad)
    |                   ^
`},
		"hostile source": {script(7, "oops: \x1b]0;x\a"), `
lab.lua:7: oops: \x1b]0;x\x07
  7 | print('\x1b[2J', oops)
    |                  ^
`},
		"no culprit":    {script(1, "something"), "\nlab.lua:1: something\n  1 | local a = 1\n"},
		"empty line":    {script(2, "something"), "\nlab.lua:2: something\n"},
		"no such line":  {script(99, "something"), "\nlab.lua:99: something\n"},
		"no position":   {&lua.ScriptError{Message: "thrown"}, "\nthrown\n"},
		"other file":    {&lua.ScriptError{File: "lib.lua", Line: 1, Message: "x"}, "\nlib.lua:1: x\n"},
		"another error": {errors.New("context\nof two lines"), "\ncontext\nof two lines\n"},
	} {
		t.Run(name, func(t *testing.T) {
			find := func(chunk string) (string, bool) { return lab, chunk == "lab.lua" }
			if got := "\n" + report(c.err, find, 80); got != c.want {
				t.Errorf("got %s\nwanted %s", got, c.want)
			}
		})
	}
}

func TestReportOfSyntax(t *testing.T) {
	for source, want := range map[string]string{
		"x = = 1":             "x.lua:1: syntax error near '='\n  1 | x = = 1\n    |     ^\n",
		"a = 1\nb = 'abc\n":   "x.lua:2: unterminated string\n  2 | b = 'abc\n    |     ^\n",
		"if x then\n":         "x.lua:1: unexpected end of input\n  1 | if x then\n",
		"#!/bin/nsh\nx = ) y": "x.lua:2: syntax error near ')'\n  2 | x = ) y\n    |     ^\n",
		"goto nowhere":        "",
	} {
		_, err := lua.Compile("x.lua", source)
		if err == nil {
			t.Errorf("%q compiles", source)
			continue
		}
		got := report(err, func(string) (string, bool) { return source, true }, 80)
		if want != "" && got != want {
			t.Errorf("%q: got\n%swanted\n%s", source, got, want)
		}
	}
}

func TestExcerptFits(t *testing.T) {
	for _, at := range []int{0, 10, 70, 150, 290} {
		line := strings.Repeat("aé ", 100)
		runes := []rune(line)
		runes[at], runes[at+1], runes[at+2] = ' ', 'Q', ' '
		got := report(&lua.ScriptError{File: "f", Line: 1, Message: "Q: x"}, func(string) (string, bool) { return string(runes), true }, 60)
		lines := strings.Split(got, "\n")
		if w := len([]rune(lines[1])); w > 60 {
			t.Errorf("at %d: %d wide", at, w)
		}
		caret := strings.IndexByte(lines[2], '^')
		if r := []rune(lines[1]); caret < 0 || r[caret] != 'Q' {
			t.Errorf("at %d: the caret is not under Q:\n%s", at, got)
		}
	}
}

func TestCompileEntry(t *testing.T) {
	for source, want := range map[string]string{
		"1 + 1": "expression", "=1+1": "expression", "x = 1": "statement", "f()": "expression", "-- note": "expression",
		"for i=1,2 do": "more", "f(": "more", "1 +": "more", "= 1 +": "more", "x = [[a": "more", "local t = {": "more",
		"x = 'abc": "error", "x = = 2": "error", "end": "error", "return 1": "statement", "f{\n}": "expression",
	} {
		_, expression, more, err := compileEntry("prompt", source)
		got := "statement"
		switch {
		case more:
			got = "more"
		case err != nil:
			got = "error"
		case expression:
			got = "expression"
		}
		if got != want {
			t.Errorf("%q: %s, wanted %s (%v)", source, got, want, err)
		}
	}
}
