package lua

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// handle is a host object.
type handle struct{ _ byte }

// frozenWorld has a function freeze(f, …) that makes a snapshot of functions.
type frozenWorld struct {
	*World
	out   bytes.Buffer
	taken []Callback
}

func newFrozenWorld(t testing.TB, script string) *frozenWorld {
	t.Helper()
	w := &frozenWorld{}
	var err error
	w.World, err = New(Config{Script: script, Stdout: &w.out, Stderr: &w.out, Modules: []Module{{Name: "host", Doc: "For tests.",
		Funcs: []Func{
			{Name: "thing", Doc: "A host object.", Call: func() *handle { return &handle{} }},
			{Name: "freeze", Params: "...", Doc: "Takes functions.", Call: func(fns ...Callback) { w.taken = fns }},
			{Name: "row", Doc: "A record.", Call: func() rowRecord { return rowRecord{3} }},
		},
		Types: []Type{{Name: "Thing", Doc: "A host object.", Of: (*handle)(nil), Methods: []Func{{Name: "touch", Doc: "Nothing.", Call: func(*handle) {}}}},
			{Name: "Row", Doc: "A record.", Of: rowRecord{}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

type rowRecord struct {
	N int `lua:"n" help:"h"`
}

func (rowRecord) Show() any { return []string{"a row"} }

// frozenText runs source, which calls host.freeze, and is the snapshot.
func frozenText(t testing.TB, w *frozenWorld, source string) ([]byte, error) {
	t.Helper()
	c, err := Compile("lab.lua", source)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec(context.Background(), c); err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	var roots []Root
	for i, fn := range w.taken {
		name := "handler"
		if i > 0 {
			name = fmt.Sprintf("handler %d", i+1)
		}
		roots = append(roots, Root{name, fn})
	}
	return w.Freeze(roots...)
}

// isolated is what the functions print, called in this order in a world of their own.
func isolated(t testing.TB, snapshot []byte, calls ...int) string {
	t.Helper()
	w := newFrozenWorld(t, "")
	fns, err := w.Thaw(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range calls {
		if _, err := fns[i].Call(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(w.out.String())
}

func TestIsolate(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "helper.lua"), []byte("local n = 0\nreturn {next = function() n = n + 1 return n end, name = 'helper'}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ source, want string }{
		"shared upvalue":     {`local n = 1 host.freeze(function() n = n + 1 end, function() print(n) end)`, "2"},
		"upvalue per turn":   {`local f = {} for i = 1, 2 do f[i] = function() i = i * 10 print(i) end end host.freeze(function() f[1]() end, function() f[1]() f[2]() end)`, "10\n100\n20"},
		"copies":             {`local t = {1} host.freeze(function() t[1] = t[1] + 1 print(t[1]) end) t[1] = 5`, "6"},
		"cycle":              {`local t = {x = {}} t.x.up = t t[t] = 7 host.freeze(function() print(t.x.up == t, t[t]) end)`, "true\t7"},
		"metatable":          {`local C = {} C.__index = C function C:double() return self.n * 2 end local o = setmetatable({n = 4}, C) host.freeze(function() print(o:double(), getmetatable(o) == C) end)`, "8\ttrue"},
		"method":             {`local H = {n = 3} function H.serve() H.n = H.n + 1 print(H.n, H.serve ~= nil) end host.freeze(H.serve)`, "4\ttrue"},
		"strings":            {`local s = "a\0b\255" host.freeze(function() print(#s, s:byte(2), s:byte(4), s == "a\0b\255") end)`, "4\t0\t255\ttrue"},
		"numbers":            {`local a, b, c, d = 0/0, 1/0, -0.5, 2^60 host.freeze(function() print(a ~= a, b == math.huge, c, d == 2^60) end)`, "true\ttrue\t-0.5\ttrue"},
		"scalars":            {`local a, b, c = true, false, nil host.freeze(function() print(a, b, c) end)`, "true\tfalse\tnil"},
		"globals":            {`count = 5 function bump() count = count + 1 return count end unused = host.thing() host.freeze(function() print(bump(), bump(), unused_too) end)`, "6\t7\tnil"},
		"global in nested":   {`x = 9 host.freeze(function() local function inner() return function() return x end end print(inner()()) end)`, "9"},
		"a name taken":       {`print2 = print tostring = function() return "mine" end host.freeze(function() print2(tostring(1)) end)`, "mine"},
		"a name gone":        {`os.time = nil bit = nil host.freeze(function() print(os.time, bit, os.clock ~= nil) end)`, "nil\tnil\ttrue"},
		"library":            {`function string.shout(s) return s:upper() .. "!" end math.mine = {1, 2} host.freeze(function() print(("hi"):shout(), #math.mine, string.format("%d", 3)) end)`, "HI!\t2\t3"},
		"own library":        {`local p, c = print, table.concat host.freeze(function() p(c({1, 2}, "-"), c == table.concat) end)`, "1-2\ttrue"},
		"required":           {`local h = require "helper" h.next() host.freeze(function() print(h.next(), h.name) end)`, "2\thelper"},
		"required inside":    {`require("helper").next() host.freeze(function() print(require("helper").next()) end)`, "2"},
		"loadstring":         {`local f = loadstring("local n = 1 return function() n = n + 1 return n end")() f() host.freeze(function() print(f()) end)`, "3"},
		"setfenv":            {`local function f() v = (v or 0) + 1 return v end local env = {v = 4} setfenv(f, env) host.freeze(function() print(f(), env.v) end)`, "5\t5"},
		"varargs":            {`local function sum(...) local s = 0 for _, v in ipairs{...} do s = s + v end return s end host.freeze(function() print(sum(1, 2, 3)) end)`, "6"},
		"order of pairs":     {`local t = {} for w in ("one two three four five"):gmatch("%w+") do t[w] = #w end host.freeze(function() for k in pairs(t) do io.write(k, " ") end print() end)`, "one two three four five"},
		"holes":              {`local t = {1, nil, 3, [-1] = "m", [0.5] = "h", [0] = "z", [2^40] = "big"} host.freeze(function() print(t[1], t[2], t[3], t[-1], t[0.5], t[0], t[2^40]) end)`, "1\tnil\t3\tm\th\tz\tbig"},
		"a long list":        {`local t = {} for i = 1, 5000 do t[i] = {i} end host.freeze(function() print(#t, t[4999][1]) end)`, "5000\t4999"},
		"a deep list":        {`local t = {} local at = t for i = 1, 20000 do at.next = {} at = at.next end host.freeze(function() local n, at = 0, t while at do n, at = n + 1, at.next end print(n) end)`, "20001"},
		"itself":             {`local f f = function(n) if n then return n end print(f(3)) end host.freeze(f)`, "3"},
		"the same twice":     {`local n = 0 local function f() n = n + 1 print(n) end host.freeze(f, f)`, "1\n2"},
		"a method of a type": {`local touch = host.thing().touch host.freeze(function() print(pcall(touch, 1)) end)`, "false\tlab.lua:1: Thing:touch: called on number, not on a Thing; use ':'"},
		"_G":                 {`x = 1 local G = _G host.freeze(function() print(G == _G, G.x) end)`, "true\tnil"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFrozenWorld(t, filepath.Join(dir, "lab.lua"))
			snapshot, err := frozenText(t, w, c.source)
			if err != nil {
				t.Fatal(err)
			}
			var calls []int
			for i := range w.taken {
				calls = append(calls, i)
			}
			if got := isolated(t, snapshot, calls...); got != c.want {
				t.Errorf("printed %q, wanted %q", got, c.want)
			}
			if text := strings.TrimSpace(w.out.String()); text != "" {
				t.Errorf("the world it came from printed %q", text)
			}
		})
	}
}

// A record prints as what it is on the other side, too.
func TestIsolateRecord(t *testing.T) {
	w := newFrozenWorld(t, "")
	snapshot, err := frozenText(t, w, `local r = host.row() local list = {r, r} local function show() print(r.n) print(r, list) end host.freeze(show) show()`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := isolated(t, snapshot, 0), strings.TrimSpace(w.out.String()); got != want || !strings.Contains(want, "a row") {
		t.Errorf("printed %q, wanted %q", got, want)
	}
}

// What loadstring has compiled is forgotten with its functions, and a world with everything.
func TestOriginsForgotten(t *testing.T) {
	w := newFrozenWorld(t, "")
	c, err := Compile("lab.lua", `for i = 1, 2000 do loadstring("return function() return " .. i .. " end")() end`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	known := func(o *origins) int { o.mu.Lock(); defer o.mu.Unlock(); return len(o.known) }
	gone := func(what string, o *origins, most int) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); known(o) > most; time.Sleep(time.Millisecond) {
			if runtime.GC(); time.Now().After(deadline) {
				t.Errorf("%s: %d prototypes are still known", what, known(o))
				return
			}
		}
	}
	gone("after the loop", w.origins, 200)
	other, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Compile("other.lua", "function f() return function() end end"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	o := other.origins
	if _, known := o.of(c.proto); !known {
		t.Error("a chunk is not known while it is there")
	}
	other.Close()
	other, c = nil, nil
	gone("after the world", o, 0)
}

// A snapshot of an isolate is a snapshot as good.
func TestIsolateAgain(t *testing.T) {
	snapshot, err := frozenText(t, newFrozenWorld(t, ""), `local n = 1 total = 10 host.freeze(function() n = n + 1 total = total + n print(n, total) end)`)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		w := newFrozenWorld(t, "")
		fns, err := w.Thaw(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fns[0].Call(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := []string{"2\t12", "3\t15", "4\t19"}[round]
		if got := strings.TrimSpace(w.out.String()); got != want {
			t.Errorf("round %d: %q, wanted %q", round, got, want)
		}
		if snapshot, err = w.Freeze(Root{"handler", fns[0]}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUncopied(t *testing.T) {
	for source, want := range map[string]string{
		"local conn = host.thing() host.freeze(function() return conn end)":                                                               "upvalue 'conn' of handler is a Thing",
		"crowd = host.thing() host.freeze(function() return crowd end)":                                                                   "global 'crowd', named in handler is a Thing",
		"crowd = host.thing()\n\nlocal function f() return crowd end\nhost.freeze(function() return f() end)":                             "global 'crowd', named in function at lab.lua:3 is a Thing",
		"local t = {x = {1, 2, host.thing()}} host.freeze(function() return t end)":                                                       "t.x[3] (upvalue 't' of handler) is a Thing",
		"local t = {[host.thing()] = 1} host.freeze(function() return t end)":                                                             "a key of t (upvalue 't' of handler) is a Thing",
		"local t = setmetatable({}, {__index = {a = host.thing()}}) host.freeze(function() return t end)":                                 "getmetatable(t).__index.a (upvalue 't' of handler) is a Thing",
		"local co = coroutine.create(print) host.freeze(function() return co end)":                                                        "upvalue 'co' of handler is a coroutine",
		"local co = coroutine.wrap(print) host.freeze(function() return co end)":                                                          "upvalue 'co' of handler is a function of nsh's own that belongs to something running",
		"local ch = fiber.channel(1) host.freeze(function() return ch end)":                                                               "upvalue 'ch' of handler is a Channel",
		"local f = fiber.current() host.freeze(function() return f end)":                                                                  "upvalue 'f' of handler is a Fiber",
		"local n = 1 local t = {n} local c = host.thing() local function g() return c end host.freeze(print, function() return t, g end)": "upvalue 'c' of function at lab.lua:1 is a Thing",
		"math.c = host.thing() host.freeze(function() return math.pi end)":                                                                "math.c (global 'math', named in handler) is a Thing",
		"local big = {} big[3e6] = 1 local two = {} two[3e6] = 1 host.freeze(function() return big, two end)":                             "more than a snapshot holds",
		"local s = ('x'):rep(2^24) local t = {} for i = 1, 5 do t[i] = s .. i end host.freeze(function() return t end)":                   "more than a snapshot holds",
	} {
		_, err := frozenText(t, newFrozenWorld(t, ""), source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwanted: %s", source, err, want)
		}
	}
}

// TestIsolateProperties makes random graphs of tables and closures, and compares what a walk prints on both sides.
func TestIsolateProperties(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var src strings.Builder
		n := 2 + rnd.IntN(12)
		for i := range n {
			fmt.Fprintf(&src, "local t%d = {id = %d}\n", i, i)
		}
		for range n * 4 {
			a, b := rnd.IntN(n), rnd.IntN(n)
			switch rnd.IntN(6) {
			case 0:
				fmt.Fprintf(&src, "t%d.k%d = t%d\n", a, rnd.IntN(5), b)
			case 1:
				fmt.Fprintf(&src, "t%d[#t%d + 1] = t%d\n", a, a, b)
			case 2:
				fmt.Fprintf(&src, "t%d[t%d] = %q\n", a, b, fmt.Sprint("v", rnd.IntN(9)))
			case 3:
				fmt.Fprintf(&src, "t%d.f = function() t%d.n = (t%d.n or 0) + 1 return t%d end\n", a, b, b, b)
			case 4:
				fmt.Fprintf(&src, "if not getmetatable(t%d) then setmetatable(t%d, t%d) end\n", a, a, b)
			case 5:
				fmt.Fprintf(&src, "t%d[%d] = %g\n", a, rnd.IntN(40)-5, rnd.NormFloat64())
			}
		}
		src.WriteString(`local function walk()
  local seen, n, todo = {}, 0, {t0}
  while #todo > 0 do
    local v = table.remove(todo, 1)
    if not seen[v] then
      n = n + 1 seen[v] = n
      io.write("\n", n, ":")
      if type(v) == "function" then todo[#todo + 1] = v() else
        local m = getmetatable(v)
        if m then io.write(" meta ", seen[m] or "new") todo[#todo + 1] = m end
        for k, x in next, v do
          for _, y in ipairs{k, x} do
            if type(y) == "table" or type(y) == "function" then io.write(" ", seen[y] or "new") todo[#todo + 1] = y else io.write(" ", tostring(y)) end
          end
        end
      end
    end
  end
end
host.freeze(walk)`)
		w := newFrozenWorld(t, "")
		snapshot, err := frozenText(t, w, src.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, src.String())
		}
		if _, err := w.taken[0].Call(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, want := isolated(t, snapshot, 0), strings.TrimSpace(w.out.String()); got != want {
			t.Fatalf("%s\n%s\nwanted\n%s", src.String(), got, want)
		}
	}
}

func FuzzThaw(f *testing.F) {
	for _, source := range []string{
		`local n, t = 1, {2, x = {}} t.x.up = t g = 3 function string.mine() end host.freeze(function() n = n + g return t, math.pi end, print)`,
		`local C = setmetatable({}, {__index = {}}) local function h() v = 1 return C end setfenv(h, {}) host.freeze(function() return h end, host.thing().touch)`,
	} {
		snapshot, err := frozenText(f, newFrozenWorld(f, ""), source)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(snapshot)
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			bad := bytes.Clone(snapshot)
			for range 1 + rnd.IntN(4) {
				bad[rnd.IntN(len(bad))] = byte(rnd.IntN(256))
			}
			f.Add(bad[:len(bad)-rnd.IntN(len(bad)/2)])
		}
	}
	w := newFrozenWorld(f, "")
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		if fns, err := w.Thaw(snapshot); err == nil {
			for _, fn := range fns {
				w.Show(Value{fn.fn})
			}
		}
	})
}
