package lua

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

type wide struct {
	I8   int8               `lua:"i8" help:"h"`
	U8   uint8              `lua:"u8" help:"h"`
	I    int                `lua:"i" default:"7" help:"h"`
	U    uint64             `lua:"u" help:"h"`
	F    float64            `lua:"f" default:"0.5" help:"h"`
	B    bool               `lua:"b" default:"true" help:"h"`
	S    string             `lua:"s" help:"h"`
	By   []byte             `lua:"by" help:"h"`
	D    time.Duration      `lua:"d" default:"1500ms" help:"h"`
	L    []int              `lua:"l" help:"h"`
	LL   [][]string         `lua:"ll" help:"h"`
	M    map[string]float64 `lua:"m" help:"h"`
	P    *int               `lua:"p" help:"h"`
	PB   *bool              `lua:"pb" help:"h"`
	Fn   Callback           `lua:"fn" help:"h"`
	V    Value              `lua:"v" help:"h"`
	T    *thing             `lua:"t" help:"h"`
	Sub  sub                `lua:"sub" help:"h"`
	Subs []sub              `lua:"subs" help:"h"`
	sub
}

type sub struct {
	X int `lua:"x" default:"3" max:"9" help:"h"`
}

func wideWorld(t *testing.T) (*World, *wide) {
	got := &wide{}
	m := Module{Name: "w", Doc: "For tests.", Funcs: []Func{
		{Name: "set", Params: "o", Doc: "Takes everything.", Call: func(o wide) { *got = o }},
		{Name: "need", Params: "o", Doc: "Needs something.", Call: func(o struct {
			To string `lua:"to,required" help:"h"`
		}) string {
			return o.To
		}},
		{Name: "rest", Params: "o", Doc: "Takes the rest.", Call: func(o struct {
			A    int              `lua:"a" help:"h"`
			Rest map[string]Value `lua:",rest"`
		}) int {
			return len(o.Rest)
		}},
		{Name: "echo", Params: "v", Doc: "Returns.", Call: func(v Value) Value { return v }},
		{Name: "back", Doc: "Returns many.", Call: func() (int64, []string, map[string]int, *int, []byte, error) {
			return 1 << 40, []string{"a", "b"}, map[string]int{"k": 1}, nil, nil, nil
		}},
		{Name: "lists", Params: "l", Doc: "Takes a list.", Call: func(l []Value) int { return len(l) }},
		{Name: "maps", Params: "m", Doc: "Takes a map.", Call: func(m map[string]Value) int { return len(m) }},
		{Name: "tree", Params: "l", Doc: "Takes a list of lists.", Call: func(l [][]Value) int { return len(l) }},
	}}
	w, err := New(Config{Modules: []Module{testModule(), m}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, got
}

func TestOptionsAreRead(t *testing.T) {
	w, got := wideWorld(t)
	if _, err := run(w, `w.set()`); err != nil {
		t.Fatal(err)
	}
	if want := (wide{I: 7, F: 0.5, B: true, D: 1500 * time.Millisecond, Sub: sub{}, sub: sub{X: 3}}); !reflect.DeepEqual(*got, want) {
		t.Errorf("defaults: %+v, wanted %+v", *got, want)
	}
	if _, err := run(w, `w.set{i8 = -128, u8 = 255, i = 2^53, u = 2^53, f = math.huge, b = false, s = "a\0b", by = "\255", d = math.huge, l = {}, ll = {{"x"}, {}},
m = {a = 1}, p = 0, pb = false, fn = print, v = {}, t = t.thing("x"), sub = {x = 9}, subs = {{}, {x = 1}}, x = 4}`); err != nil {
		t.Fatal(err)
	}
	p, f := 0, false
	if got.I8 != -128 || got.U8 != 255 || got.I != 1<<53 || got.U != 1<<53 || !math.IsInf(got.F, 1) || got.B || got.S != "a\x00b" || string(got.By) != "\xff" ||
		got.D != century || got.L == nil || len(got.L) != 0 || !reflect.DeepEqual(got.LL, [][]string{{"x"}, {}}) || got.M["a"] != 1 || !reflect.DeepEqual(got.P, &p) ||
		!reflect.DeepEqual(got.PB, &f) || got.Fn.IsNil() || got.V.IsNil() || got.T.name != "x" || got.Sub.X != 9 || got.Subs[0].X != 3 || got.Subs[1].X != 1 || got.X != 4 {
		t.Errorf("%+v", *got)
	}
}

func TestOptionsSayNo(t *testing.T) {
	w, _ := wideWorld(t)
	for src, want := range map[string]string{
		`w.set{i8 = 128}`:                              "w.set: option 'i8': number out of range: 128",
		`w.set{i8 = -129}`:                             "out of range: -129",
		`w.set{u8 = 256}`:                              "out of range: 256",
		`w.set{u8 = -1}`:                               "out of range: -1",
		`w.set{u = -1}`:                                "out of range",
		`w.set{i = 2^53 + 2}`:                          "out of range: 9.007199254741e+15",
		`w.set{i = 2^63}`:                              "out of range",
		`w.set{i = -2^64}`:                             "out of range",
		`w.set{i = 0/0}`:                               "option 'i': whole number expected, got nan",
		`w.set{i = 1/0}`:                               "whole number expected, got inf",
		`w.set{i = -1/0}`:                              "whole number expected, got -inf",
		`w.set{i = 0.5}`:                               "whole number expected, got 0.5",
		`w.set{i = "5"}`:                               `whole number expected, got "5"`,
		`w.set{p = 0.5}`:                               "option 'p': whole number expected, got 0.5",
		`w.set{f = 0/0}`:                               "option 'f': number expected, got nan",
		`w.set{f = "1"}`:                               `option 'f': number expected, got "1"`,
		`w.set{b = 1}`:                                 "option 'b': boolean expected, got 1",
		`w.set{s = 1}`:                                 "option 's': string expected, got 1",
		`w.set{d = 0/0}`:                               "option 'd': number of seconds expected, got NaN",
		`w.set{d = -0.1}`:                              "option 'd': seconds cannot be negative",
		`w.set{l = {1, nil, 3}}`:                       "option 'l[2]': whole number expected, got nothing",
		`w.set{l = {1, 2.5}}`:                          "option 'l[2]': whole number expected, got 2.5",
		`w.set{l = {a = 1}}`:                           "option 'l': list (each a whole number) expected, got a table with the key \"a\"",
		`w.set{l = {1, a = 2}}`:                        "option 'l': list (each a whole number) expected, got a table with the key \"a\"",
		`w.set{l = 5}`:                                 "option 'l': list (each a whole number) expected, got 5",
		`w.set{ll = {{"a"}, {1}}}`:                     "option 'll[2][1]': string expected, got 1",
		`w.set{m = {1}}`:                               "option 'm': string keys expected, got 1",
		`w.set{m = {a = "x"}}`:                         "option 'm.a': number expected, got \"x\"",
		`w.set{fn = 5}`:                                "option 'fn': function expected, got 5",
		`w.set{t = {}}`:                                "option 't': Thing expected, got table",
		`w.set{t = fiber.current()}`:                   "option 't': Thing expected, got Fiber",
		`w.set{sub = {y = 1}}`:                         "option 'sub'",
		`w.set{sub = {x = 10}}`:                        "option 'sub.x': must be at most 9, got 10",
		`w.set{subs = {{}, {x = 1.5}}}`:                "option 'subs[2].x': whole number expected, got 1.5",
		`w.set{x = 10}`:                                "option 'x': must be at most 9, got 10",
		`w.set{[1] = 2}`:                               "unexpected value at [1]",
		`w.set{[{}] = 2}`:                              "unexpected value at [table]",
		`w.set{[("k"):rep(1000)] = 1}`:                 "unknown",
		`w.set{[""] = 1}`:                              "option '' unknown",
		`w.need{}`:                                     "w.need: option 'to': string expected, got nothing",
		`w.need()`:                                     "w.need: option 'to': string expected, got nothing",
		`w.need{to = 5}`:                               "w.need: option 'to': string expected, got 5",
		`local t = {} t.l = t w.set(t)`:                "option 'l'",
		`local t = {} t[1] = t w.set{l = t}`:           "option 'l[1]': whole number expected, got table",
		`local t = {} t[1] = t w.set{ll = t}`:          "option 'll[1][1]': string expected, got table",
		`local t = {} t.sub = t w.set(t)`:              "option 'sub",
		`local t = {} t[1] = t w.set{subs = t}`:        "option 'subs[1]",
		`local t = {} t.a = t w.set{m = t}`:            "option 'm.a': number expected, got table",
		`t.thing("a").close(t.thing("b"), 1)`:          "Thing:close: takes at most 0 arguments, got 1",
		`t.count(setmetatable({}, {__index = error}))`: "whole number expected, got table",
	} {
		_, err := run(w, src)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot    %v\nwanted %s", src, err, want)
		}
	}
}

func TestValuesGoThrough(t *testing.T) {
	w, _ := wideWorld(t)
	for _, src := range []string{
		`local t = {} t[1] = t assert(w.lists(t) == 1) assert(w.tree({t}) == 1) assert(w.tree(t) == 1)`,
		`local t = {} t.a = t assert(w.maps(t) == 1)`,
		`local t = {} assert(w.echo(t) == t) assert(w.echo() == nil) assert(w.echo(print) == print)`,
		`assert(w.rest{a = 1, b = 2, c = print} == 2)`,
		`assert(w.lists({}) == 0 and w.maps({}) == 0)`,
		`local n, l, m, p, b = w.back() assert(n == 2^40 and #l == 2 and l[2] == "b" and m.k == 1 and p == nil and b == nil)`,
		`assert(w.set{i = nil, p = nil} == nil)`,
		`local co = coroutine.create(print) assert(w.echo(co) == co)`,
	} {
		if _, err := run(w, src); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}
