package lua

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua/show"
)

func TestPrint(t *testing.T) {
	for src, want := range map[string]string{
		`print()`:                       "\n",
		`print(nil, true, 1, 1.5, "x")`: "nil\ttrue\t1\t1.5\tx\n",
		`print("a\nb")`:                 "a\nb\n",
		`print(setmetatable({}, {__tostring = function() return "T!" end}))`: "T!\n",
		`print(t.thing("n"))`:                                  "name  \"n\"\n",
		`print((tostring(print):gsub("0x%x+", "P")))`:          "function: P\n",
		`io.write("a", 1, 2.5, "\n")`:                          "a12.5\n",
		`io.stdout:write("a", "b"):write("c\n")`:               "abc\n",
		`print(select(2, t.thing("taken")))`:                   "thing taken: address already in use\n",
		`local t = {} t.t = t print(t)`:                        "t  {…}\n",
		`print(2^53, -2^53 + 1, 1e15, 1e300, 0/0 ~= 0/0, 1/0)`: "9.007199254741e+15\t-9007199254740991\t1000000000000000\t1e+300\ttrue\tinf\n",
	} {
		w, out := newWorld(t)
		if _, err := run(w, src); err != nil || out.String() != want {
			t.Errorf("%s\nprinted %q %v\nwanted  %q", src, out.String(), err, want)
		}
	}
}

func TestPrintJSON(t *testing.T) {
	for src, want := range map[string]string{
		`print("a", 1, nil, true)`:                    "\"a\"\n1\nnull\ntrue\n",
		`print({1, 2, {a = "b"}})`:                    "[1,2,{\"a\":\"b\"}]\n",
		`print({})`:                                   "[]\n",
		`print("\1\255\"\\")`:                         "",
		`print(0/0, 1/0)`:                             "",
		`local t = {} t.t = t print(t)`:               "",
		`print(t.thing("n"), fiber.current(), print)`: "",
	} {
		out := &safeBuffer{}
		w, err := New(Config{Modules: []Module{testModule()}, Stdout: out, JSON: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = run(w, src)
		w.Close()
		if err != nil || want != "" && out.String() != want {
			t.Errorf("%s\nprinted %q %v\nwanted  %q", src, out.String(), err, want)
		}
		for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			if !jsonValid(line) {
				t.Errorf("%s: not JSON: %q", src, line)
			}
		}
	}
}

// Where the output is a terminal, nothing that a script prints drives it.
func TestTerminalIsSafe(t *testing.T) {
	out := &safeBuffer{}
	w, err := New(Config{Stdout: out, Stderr: out, Style: func() show.Options { return show.Options{Width: 80} }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(w, `local evil = "\27]52;c;aGk=\7\27[2J\155\0" print(evil) io.write(evil, "\n") io.stdout:write(evil) print({evil, [evil] = evil})
w = fiber.spawn(function() error(evil) end) fiber.yield()`); err != nil {
		t.Fatal(err)
	}
	w.Fail("evil \x1b[2J")
	w.Close()
	if s := out.String(); strings.ContainsAny(s, "\x1b\x07\x00\u009b") {
		t.Errorf("control bytes are let through: %q", s)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A closed output ends the script, whatever pcall says.
func TestClosedOutput(t *testing.T) {
	for _, src := range []string{`print(1) after = 1 while true do end`, `pcall(print, 1) while true do end`, `io.write("x") while true do end`, `io.stdout:write("x") while true do end`} {
		w, err := New(Config{Stdout: brokenPipe{}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = run(w, src)
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Code != 1 {
			t.Errorf("%s: %v", src, err)
		}
		w.Close()
	}
}
