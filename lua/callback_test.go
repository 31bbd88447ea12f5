package lua

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// callbackModule hands callbacks to the test.
func callbackModule(got *sync.Map) Module {
	return Module{Name: "cb", Doc: "For tests.", Funcs: []Func{
		{Name: "keep", Params: "name, f", Doc: "Keeps a function.", Call: func(name string, f Callback) { got.Store(name, f) }},
		{Name: "many", Params: "n, f", Doc: "Calls from n goroutines at once with the call's own context.", Call: func(ctx context.Context, n int, f Callback) error {
			var wg sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				wg.Go(func() { _, errs[i] = f.Call(ctx, i) })
			}
			wg.Wait()
			return errors.Join(errs...)
		}},
		{Name: "stray", Params: "f", Doc: "Leaves a goroutine behind that calls with the call's context.", Call: func(ctx context.Context, f Callback) {
			started := make(chan struct{})
			go func() { close(started); f.Call(ctx) }()
			<-started
			time.Sleep(time.Millisecond)
		}},
		{Name: "place", Params: "p, f", Doc: "Calls with another place and scope.", Call: func(ctx context.Context, env *Env, p string, f Callback) ([]Value, error) {
			scope := NewScope(ctx, env.Scope())
			defer scope.Close()
			return f.Call(EnvOf(env.WithPlace(p)).WithScope(scope))
		}},
		{Name: "where", Doc: "Names the place.", Call: func(env *Env) string { return fmt.Sprint(env.Place()) }},
		{Name: "own", Params: "name", Doc: "Opens something.", Call: func(env *Env, name string) {
			w := env.World()
			env.Own(name, func() { w.Println("closed " + name) })
		}},
		{Name: "bad", Doc: "Has a result that Lua cannot have.", Call: func() (int, error) { panic(errors.New("boom")) }},
	}}
}

func callbackWorld(t *testing.T, script string) (*World, *safeBuffer, func(string) Callback) {
	var got sync.Map
	out := &safeBuffer{}
	w, err := New(Config{Modules: []Module{testModule(), callbackModule(&got)}, Stdout: out, Stderr: out, Place: "here"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := run(w, script); err != nil {
		t.Fatal(err)
	}
	return w, out, func(name string) Callback {
		f, _ := got.Load(name)
		cb, _ := f.(Callback)
		return cb
	}
}

func TestCallbackFromManyGoroutines(t *testing.T) {
	w, _, get := callbackWorld(t, `n, most, now = 0, 0, 0
cb.keep("f", function(x)
  now = now + 1 most = math.max(most, now)
  local y = t.block(x) fiber.yield()
  now = now - 1 n = n + 1
  return y, coroutine.wrap(function() coroutine.yield(x + 1) end)()
end)`)
	f := get("f")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			out, err := f.Call(w.Root().Context(), i)
			if err != nil || len(out) != 2 || out[0].String() != fmt.Sprint(i) || out[1].String() != fmt.Sprint(i+1) {
				t.Errorf("%d: %v %v", i, out, err)
			}
		})
	}
	wg.Wait()
	if v, err := run(w, `return n, most > 1`); err != nil || fmt.Sprint(v[0], v[1]) != "50 true" {
		t.Error(v, err)
	}
}

// A bound function may also call from goroutines of its own while it runs; what it leaves behind must not tear its
// caller's flow apart.
func TestCallbackWithTheCallersContext(t *testing.T) {
	w, _, _ := callbackWorld(t, ``)
	for _, src := range []string{
		`local n = 0 cb.many(20, function(i) fiber.sleep(0.001) n = n + 1 end) assert(n == 20)`,
		`for i = 1, 20 do cb.stray(function() fiber.sleep(0.002) end) end`,
		`for i = 1, 20 do coroutine.wrap(function() cb.stray(function() fiber.sleep(0.002) end) coroutine.yield() end)() end`,
		`local fs = {} for i = 1, 10 do fs[i] = fiber.spawn(cb.many, 5, function() t.block(1) end) end for _, f in ipairs(fs) do assert(f:join()) end`,
	} {
		if _, err := run(w, src); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestCallbackErrors(t *testing.T) {
	w, _, get := callbackWorld(t, `cb.keep("error", function() error("x") end)
cb.keep("table", function() error({code = 1}) end)
cb.keep("panic", function() t.panic() end)
cb.keep("blockpanic", function() t.blockpanic() end)
cb.keep("loop", function() while true do pcall(function() while true do end end) end end)
cb.keep("wait", function() pcall(t.forever) never = true end)
cb.keep("deep", function() local function f() return 1 + f() end f() end)
cb.keep("fine", function(...) return ... end)
cb.keep("callable", setmetatable({}, {__call = function(self, x) return x end}))`)
	root := w.Root().Context()
	for name, want := range map[string]string{"error": "test.lua:1: x", "table": "error value: code", "panic": "t.panic: internal error: boom",
		"blockpanic": "t.blockpanic: internal error: boom", "deep": "stack overflow"} {
		if _, err := get(name).Call(root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, wanted %s", name, err, want)
		}
	}
	for _, name := range []string{"loop", "wait"} {
		timely(t, name, 200*time.Millisecond, func() error {
			ctx, cancel := context.WithTimeout(root, 20*time.Millisecond)
			defer cancel()
			_, err := get(name).Call(ctx)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			return err
		})
	}
	dead, cancel := context.WithCancel(root)
	cancel()
	if _, err := get("fine").Call(dead); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is over: %v", err)
	}
	for _, name := range []string{"fine", "callable"} {
		if out, err := get(name).Call(root, "still"); err != nil || out[0].String() != "still" {
			t.Errorf("%s: %v %v", name, out, err)
		}
	}
	if v, err := run(w, `return never`); err != nil || !v[0].IsNil() {
		t.Error(v, err)
	}
}

func TestCallbackPlaceAndScope(t *testing.T) {
	w, out, get := callbackWorld(t, `
print(cb.where(), cb.place("lab", function() cb.own("inner") return cb.where(), (select(2, fiber.spawn(cb.where):join())) end))
cb.own("outer")
cb.place("lab", function() cb.keep("f", function() return cb.where(), fiber.current() == fiber.current() end) end)
local co = coroutine.wrap(function() return cb.place("lab", function() coroutine.yield(1) return cb.where() end), cb.where() end)
co() fiber.spawn(function() print(co()) end):join()`)
	v, err := get("f").Call(context.Background())
	if err != nil || fmt.Sprint(v[0], v[1]) != "lab true" {
		t.Error(v, err)
	}
	w.Close()
	if got, want := out.String(), "closed inner\nhere\tlab\tlab\nlab\there\nclosed outer\n"; got != want {
		t.Errorf("printed:\n%swanted:\n%s", got, want)
	}
}

// A handler has a fiber, too: others can wait for it, but not cancel it.
func TestHandlersFiber(t *testing.T) {
	w, _, get := callbackWorld(t, `cb.keep("f", function() me = fiber.current() fiber.sleep(0.005) return "done", me == fiber.current() end)`)
	done := make(chan struct{})
	go func() { defer close(done); get("f").Call(w.Root().Context()) }()
	v, err := run(w, `while not me do fiber.sleep(0.001) end
local ok, why = pcall(function() me:cancel() end)
return (select(2, me:join())), ok, (tostring(me):gsub("%d+", "N"))`)
	<-done
	if err != nil || fmt.Sprint(v[0], v[1], v[2]) != "done false Fiber N (done)" {
		t.Error(v, err)
	}
}
