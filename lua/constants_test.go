package lua

import (
	"strings"
	"testing"
)

type counter struct{ n int }

func (c *counter) Add() int { c.n++; return c.n }

type byPlace struct {
	Name string `lua:"name,required" place:"1" help:"who"`
	N    int    `lua:"n" place:"2" default:"7" help:"how many"`
}

// constantModule has a value of each kind; its objects are made for each world.
func constantModule() Module {
	return Module{Name: "c", Doc: "For the test.",
		Consts: []Const{
			{Name: "SEVEN", Doc: "A number.", Value: 7},
			{Name: "WORD", Doc: "A string.", Value: "word"},
			{Name: "counter", Doc: "One for each world.", Value: func(*World) *counter { return &counter{} }},
		},
		Funcs: []Func{
			{Name: "", Doc: "The module can be called.", Call: func() string { return "called" }},
			{Name: "rows", Params: "rows", Doc: "Gives back what it gets.", Call: func(rows []byPlace) []byPlace { return rows }},
		},
		Types: []Type{
			{Name: "Counter", Doc: "Counts.", Of: (*counter)(nil), Methods: []Func{{Name: "add", Doc: "Counts.", Call: (*counter).Add}}},
			{Name: "ByPlace", Doc: "By name and by place.", Of: byPlace{}},
		}}
}

func constantWorld(t *testing.T, m Module) (*World, *strings.Builder, error) {
	var out strings.Builder
	w, err := New(Config{Modules: []Module{m}, Stdout: &out})
	if err == nil {
		t.Cleanup(w.Close)
	}
	return w, &out, err
}

func TestConstants(t *testing.T) {
	for range 2 { // the second world has a counter of its own
		w, _, err := constantWorld(t, constantModule())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(w, `
			assert(c.SEVEN == 7 and c.WORD == "word" and c() == "called")
			assert(c.counter:add() == 1 and c.counter:add() == 2)
			local ok, why = pcall(function() return c.SEVN end)
			assert(not ok and why:find("c has no field \"SEVN\", did you mean 'SEVEN'?", 1, true), why)
			assert(not pcall(function() return c[1] end) and not pcall(function() return c[c] end))
			assert(rawget(c, "SEVN") == nil and getmetatable(c) == "c")
			c.mine = 1 assert(c.mine == 1)`); err != nil {
			t.Error(err)
		}
	}
	m := constantModule()
	m.Consts = append(m.Consts, Const{Name: "SEVEN", Doc: "Again.", Value: 8})
	if _, _, err := constantWorld(t, m); err == nil || !strings.Contains(err.Error(), "c.SEVEN is declared twice") {
		t.Errorf("a constant that is there twice: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	w, out, err := constantWorld(t, constantModule())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(w, `
		local rows = c.rows({{"a"}, {"b", 2}, {name = "c", n = 3}, {"d", n = 4}})
		for _, r in ipairs(rows) do assert(r[1] == r.name and r[2] == r.n) end
		assert(rows[1].n == 7 and rows[2].n == 2 and rows[4].n == 4)
		for text, bad in pairs{["[1].name: string expected, got nothing"] = {}, ["[1].name: string expected, got 1"] = {1},
			["unexpected value at [3]"] = {"a", 1, 2}, ["[1].n: whole number expected, got \"x\""] = {"a", "x"}} do
			local ok, why = pcall(c.rows, {bad})
			assert(not ok and why:find(text, 1, true), why)
		end
		print(rows[2])`); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "name") || strings.Contains(got, "1 ") || strings.Count(got, "b") != 1 {
		t.Errorf("a row is printed twice over: %q", got)
	}
}
