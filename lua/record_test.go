package lua

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua/show"
)

// tallies and tally are a record whose names only the world knows, and its parts.
type (
	tallies map[string]tally
	tally   map[string]float64
)

func (t tallies) Show() any {
	var rows []tallyRow
	zero := 0
	for group, names := range t {
		for name, n := range names {
			if n == 0 {
				zero++
				continue
			}
			rows = append(rows, tallyRow{group + "." + name, n})
		}
	}
	if rows == nil {
		return Shown{Note: "all are 0"}
	}
	return Shown{Value: rows, Note: "the rest is 0"}
}

type tallyRow struct {
	Name string  `lua:"name"`
	N    float64 `lua:"n"`
}

// bounds is a Strict record of a struct: absent fields are nil.
type bounds struct {
	Low   *int  `lua:"low" help:"h"`
	High  *int  `lua:"high" help:"h"`
	Range []int `lua:"range" help:"h"`
}

func (b bounds) Show() any {
	if b.High != nil {
		return "bounded"
	}
	return "open"
}

func recordWorld(t *testing.T, json bool) (*World, *bytes.Buffer) {
	t.Helper()
	five := 5
	out := &bytes.Buffer{}
	w, err := New(Config{Stdout: out, Stderr: out, JSON: json, Modules: []Module{{Name: "r", Doc: "For tests.",
		Funcs: []Func{
			{Name: "some", Doc: "d", Call: func() tallies { return tallies{"a": {"x": 5, "y": 0}, "b": {"z": 0}} }},
			{Name: "none", Doc: "d", Call: func() tallies { return tallies{"a": {"x": 0}} }},
			{Name: "bounds", Doc: "d", Call: func() bounds { return bounds{Low: &five, Range: []int{1, 2}} }},
		},
		Types: []Type{
			{Name: "Tallies", Doc: "d", Of: tallies{}, Strict: true, Fields: []Field{{Name: "a", Doc: "the first group"}}},
			{Name: "Tally", Doc: "d", Of: tally{}, Strict: true},
			{Name: "Bounds", Doc: "d", Of: bounds{}, Strict: true},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, out
}

func recordRun(t *testing.T, json bool, source string) string {
	t.Helper()
	w, out := recordWorld(t, json)
	c, err := Compile("t.lua", source)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec(context.Background(), c); err != nil {
		return err.Error()
	}
	return strings.TrimRight(out.String(), "\n")
}

func TestStrictRecords(t *testing.T) {
	for source, want := range map[string]string{
		`print(r.some().a.x, r.some().b.z)`:                               "5\t0",
		`return r.some().c`:                                               `t.lua:1: Tallies has no field "c" (there are: a, b)`,
		`return r.some().a.X`:                                             `t.lua:1: Tally has no field "X", did you mean 'x'?`,
		`return r.some()[1]`:                                              `t.lua:1: Tallies has no field 1 (there are: a, b)`,
		`return r.some().a[nil]`:                                          `t.lua:1: Tally has no field nil (there are: x, y)`,
		`local t = r.some() t.c = 1 print(t.c, rawget(t, "d"))`:           "1\tnil",
		`for k in pairs(r.some().a) do io.write(k, " ") end`:              "x y ",
		`local b = r.bounds() print(b.low, b.high, b.range[2])`:           "5\tnil\t2",
		`return r.bounds().hihg`:                                          `t.lua:1: Bounds has no field "hihg", did you mean 'high'?`,
		`print(pcall(function() return r.some().a.nope end))`:             "false\tt.lua:1: Tally has no field \"nope\" (there are: x, y)",
		`print(type(r.some()), getmetatable(r.some()), #r.some())`:        "table\tTallies\t0",
		`local ok, e = pcall(setmetatable, r.some(), {}) print(ok)`:       "false",
		`print(table.concat({r.some().a.x}), next(r.bounds()) ~= nil)`:    "5\ttrue",
		`local x = r.some() setfenv(1, {print = print}) print(x.a.y)`:     "0",
		`print(rawequal(r.some().a, r.some().a), r.some() == r.some())`:   "false\tfalse",
		`print(select("#", unpack(r.bounds().range)), #r.bounds().range)`: "2\t2",
	} {
		if got := recordRun(t, false, source); got != want {
			t.Errorf("%s\nsaid   %s\nwanted %s", source, got, want)
		}
	}
}

func TestRecordsAreShown(t *testing.T) {
	for source, want := range map[string]string{
		`print(r.some())`: "name  n\na.x   5\nthe rest is 0",
		`print(r.none())`: "all are 0",
		// What the script has changed is what shows, and what cannot be read back shows as it is.
		`local t = r.none() t.a.x = 7 print(t)`:    "name  n\na.x   7\nthe rest is 0",
		`local t = r.none() t.a.x = "k" print(t)`:  "a  {x = \"k\"}",
		`print({d = r.some()})`:                    "d\n  name  n\n  a.x   5\n  the rest is 0",
		`print(r.bounds())`:                        "open",
		`local b = r.bounds() b.high = 1 print(b)`: "bounded",
		`print(r.some().a)`:                        "x  5\ny  0",
	} {
		if got := recordRun(t, false, source); got != want {
			t.Errorf("%s\nprinted %s\nwanted  %s", source, got, want)
		}
	}
	for source, want := range map[string]string{
		`print(r.some())`:   `{"a":{"x":5,"y":0},"b":{"z":0}}`,
		`print(r.bounds())`: `{"low":5,"range":[1,2]}`,
	} {
		if got := recordRun(t, true, source); got != want {
			t.Errorf("--json %s\nprinted %s\nwanted  %s", source, got, want)
		}
	}
}

func TestRecordsInHelp(t *testing.T) {
	x, err := NewIndex([]Module{{Name: "r", Doc: "d", Types: []Type{
		{Name: "Tally", Doc: "d", Of: tally{}, Fields: []Field{{Name: "x", Doc: "what x is"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if e := x.Find("Tally.x"); e == nil || e.Doc != "what x is" || e.Returns != "number" {
		t.Errorf("%+v", e)
	}
	// A Get would never be called, and an object's field needs one.
	for _, typ := range []Type{
		{Name: "Tally", Doc: "d", Of: tally{}, Fields: []Field{{Name: "x", Doc: "d", Get: func(tally) int { return 1 }}}},
		{Name: "Thing", Doc: "d", Of: (*thing)(nil), Fields: []Field{{Name: "x", Doc: "d"}}},
	} {
		if _, err := NewIndex([]Module{{Name: "r", Doc: "d", Types: []Type{typ}}}); err == nil {
			t.Errorf("%s: a wrong field passed", typ.Name)
		}
	}
}

func TestRecordsKeepTheTerminalSafe(t *testing.T) {
	n := show.Node{Kind: show.Nil, Note: "a\x1b[2Jb"}
	if got := show.Text(n, show.Options{}); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
