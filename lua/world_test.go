package lua

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type thing struct {
	name   string
	closed bool
}

type thingOptions struct {
	Size    int           `lua:"size" default:"3" min:"1" max:"10" help:"how big"`
	Colour  string        `lua:"colour" default:"red" enum:"red,green" help:"its colour"`
	Timeout time.Duration `lua:"timeout" default:"2s" help:"seconds"`
	Names   []string      `lua:"names" help:"its names"`
}

// testModule has a blocking function, one that calls back, and an object.
func testModule() Module {
	return Module{Name: "t", Doc: "For tests.", Funcs: []Func{
		{Name: "block", Params: "value", Doc: "Blocks a little and returns its argument.", Call: func(ctx context.Context, v Value) (Value, error) {
			select {
			case <-time.After(time.Millisecond):
				return v, nil
			case <-ctx.Done():
				return Value{}, ctx.Err()
			}
		}},
		{Name: "forever", Doc: "Blocks.", Call: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{Name: "call", Params: "f, ...", Doc: "Calls back.", Call: func(ctx context.Context, f Callback, args ...Value) ([]Value, error) {
			in := make([]any, len(args))
			for i := range args {
				in[i] = args[i]
			}
			return f.Call(ctx, in...)
		}},
		{Name: "thing", Params: "name, options", Doc: "Makes a thing.", Call: func(env *Env, name string, o thingOptions) (*thing, error) {
			if name == "" {
				return nil, Misusef("name", "is empty")
			}
			if name == "taken" {
				return nil, &Fault{Code: "EADDRINUSE", Op: "thing", Addr: name, Message: "address already in use"}
			}
			return &thing{name: name}, nil
		}},
		{Name: "sleep_until", Params: "at", Doc: "Sleeps until an instant of fiber.now.", Call: func(at float64) {}, raw: func(L *glua.LState) int {
			env := envOf(L)
			at := started.Add(time.Duration(float64(L.Get(1).(glua.LNumber)) * 1e9))
			env.flow.park(env, func() { env.w.baton.sleep(env.flow.wait, at) })
			return 0
		}},
		{Name: "panic", Doc: "Panics.", Call: func() { panic("boom") }},
		{Name: "blockpanic", Doc: "Panics without the baton.", Call: func(ctx context.Context) { panic("boom") }},
		{Name: "count", Params: "n", Doc: "Takes a whole number.", Call: func(n int) int { return n + 1 }},
	}, Types: []Type{{Name: "Thing", Doc: "A thing.", Of: (*thing)(nil),
		Fields: []Field{{Name: "name", Doc: "Its name.", Get: func(t *thing) string { return t.name }}},
		Methods: []Func{
			{Name: "close", Doc: "Closes it.", Call: func(t *thing) { t.closed = true }},
			{Name: "wait", Params: "[timeout]", Doc: "Waits.", Call: func(t *thing, ctx context.Context, d time.Duration) error {
				if t.closed {
					return Misusef("", "the thing is closed")
				}
				return nil
			}},
		}}}}
}

func newWorld(t testing.TB) (*World, *safeBuffer) {
	out := &safeBuffer{}
	w, err := New(Config{Modules: []Module{testModule()}, Stdout: out, Stderr: out, Style: func() show.Options { return show.Options{Width: 80, Raw: true} }})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		w.Close()
		deadline := time.Now().Add(30 * time.Second)
		for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
			runtime.Gosched()
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines before, %d after:\n%s", before, n, buf[:runtime.Stack(buf, true)])
		}
	})
	return w, out
}

func run(w *World, src string, args ...any) ([]Value, error) {
	return runWithin(w, src, 60*time.Second, args...)
}

func runWithin(w *World, src string, d time.Duration, args ...any) ([]Value, error) {
	c, err := Compile("test.lua", src)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return w.Exec(ctx, c, args...)
}

// expect runs source and compares what it prints.
func expect(t *testing.T, src, want string) {
	t.Helper()
	w, out := newWorld(t)
	if _, err := run(w, src); err != nil {
		t.Fatalf("%v\nprinted: %s", err, out.String())
	}
	if got := out.String(); strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
		t.Errorf("printed:\n%s\nwanted:\n%s", got, want)
	}
}

func fails(t *testing.T, src, want string) {
	t.Helper()
	w, _ := newWorld(t)
	_, err := run(w, src)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\ngot error: %v\nwanted:    %s", src, err, want)
	}
}

func TestArguments(t *testing.T) {
	for src, want := range map[string]string{
		`t.thing()`:                                 "test.lua:1: t.thing: argument 1 (name): string expected, got nothing",
		`t.thing(5)`:                                "t.thing: argument 1 (name): string expected, got 5",
		`t.thing("a", {sise = 1})`:                  "t.thing: option 'sise' unknown, did you mean 'size'?",
		`t.thing("a", {size = 1.5})`:                "t.thing: option 'size': whole number expected, got 1.5",
		`t.thing("a", {size = 0/0})`:                "t.thing: option 'size': whole number expected, got nan",
		`t.thing("a", {size = 11})`:                 "t.thing: option 'size': must be from 1 to 10, got 11",
		`t.thing("a", {colour = "gren"})`:           "t.thing: option 'colour': \"gren\" unknown, did you mean 'green'?",
		`t.thing("a", {timeout = -1})`:              "t.thing: option 'timeout': seconds cannot be negative",
		`t.thing("a", {names = {"x", 2}})`:          "t.thing: option 'names[2]': string expected, got 2",
		`t.thing("a", {1, 2})`:                      "t.thing: argument 2 (options): unexpected value at [1]: options are named",
		`t.thing("a", {}, 3)`:                       "t.thing: takes at most 2 arguments, got 3",
		`t.thing("a", 3)`:                           "argument 2 (options): table of options expected, got 3",
		`t.thing("")`:                               "t.thing: argument 1 (name): is empty",
		`t.thing("a").nam = 1`:                      "Thing.nam cannot be set",
		`local x = t.thing("a").nam`:                "Thing has no field \"nam\", did you mean 'name'?",
		`t.thing("a").close()`:                      "Thing:close: called on nothing, not on a Thing; use ':'",
		`t.thing("a").close(fiber.current())`:       "Thing:close: called on Fiber, not on a Thing",
		`local x = t.thing("a") x:close() x:wait()`: "Thing:wait: the thing is closed",
		`t.count(2^60)`:                             "out of range",
		`t.panic()`:                                 "t.panic: internal error: boom",
		`t.blockpanic()`:                            "t.blockpanic: internal error: boom",
		`t.call(5)`:                                 "t.call: argument 1 (f): function expected, got 5",
		`fiber.sleep("x")`:                          "fiber.sleep: argument 1 (seconds): number of seconds expected",
		`fiber.all{1}`:                              "fiber.all: argument 1 (fibers)[1]: function or another Fiber expected, got number",
		"\n\nerror('here')":                         "test.lua:3: here",
	} {
		fails(t, src, want)
	}
}

func TestWorldSaysNo(t *testing.T) {
	expect(t, `local x, err = t.thing("taken")
print(x, err, err.code, err.op, err.addr)
print(pcall(function() assert(t.thing("taken")) end))
print("joined: " .. err)
local a, b = t.thing("a"), t.thing("a")
print(a == a, a == b, type(a), tostring(a))`,
		`nil	thing taken: address already in use	EADDRINUSE	thing	taken
false	thing taken: address already in use
joined: thing taken: address already in use
true	false	userdata	Thing`)
}

// gopher-lua's pcall closes the upvalues of the frames outside it, and its xpcall those of none.
func TestPcallKeepsUpvalues(t *testing.T) {
	expect(t, `local x = 1
local f = function() return x end
pcall(error, "a") pcall(function() local n; return n.x end)
x = 2
local esc
xpcall(function() local z = 42; esc = function() return z end; error("q") end, function(e) return e end)
local function clobber(a, b, c, d, e, f) local q, r, s = a, b, c; return q end
clobber(1, 2, 3, 4, 5, 6)
print(f(), esc())`, "2	42")
}

func TestCancel(t *testing.T) {
	w, _ := newWorld(t)
	for _, src := range []string{
		`while true do end`, `while true do pcall(function() while true do end end) end`,
		`xpcall(function() while true do end end, function() while true do end end)`,
		`coroutine.wrap(function() while true do end end)()`,
		`t.forever()`, `pcall(t.forever)`, `fiber.sleep(100)`, `fiber.channel():recv()`,
		`fiber.spawn(t.forever):join()`, `fiber.all{t.forever, t.forever}`,
		`coroutine.wrap(function() t.forever() end)()`,
		`t.call(function() t.forever() end)`, `t.call(function() while true do end end)`,
		`fiber.timeout(100, t.forever)`, `for x in function() t.forever() return 1 end do end`,
		`with({close = function() end}, function() t.forever() end)`,
	} {
		timely(t, src, 150*time.Millisecond, func() error {
			_, err := runWithin(w, src, 50*time.Millisecond)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", src, err)
			}
			return err
		})
	}
	if _, err := run(w, `assert(1 + 1 == 2)`); err != nil {
		t.Errorf("the world is not usable afterwards: %v", err)
	}
}
