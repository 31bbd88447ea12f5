package lua

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestExecConcurrently(t *testing.T) {
	w, _ := newWorld(t)
	if _, err := run(w, `n = 0`); err != nil {
		t.Fatal(err)
	}
	c, err := Compile("c.lua", `local x = ... for i = 1, 10 do n = n + 1 if i % 3 == 0 then t.block(i) else fiber.yield() end end return x`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if v, err := w.Exec(context.Background(), c, i); err != nil || v[0].String() != fmt.Sprint(i) {
				t.Errorf("%d: %v %v", i, v, err)
			}
		})
	}
	wg.Wait()
	if v, err := run(w, `return n`); err != nil || v[0].String() != "500" {
		t.Error(v, err)
	}
}

// A run that gives up while it waits for the baton leaves a place in the line that is passed over.
func TestExecGivesUpInLine(t *testing.T) {
	w, _ := newWorld(t)
	busy, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		c, _ := Compile("busy", `started = true while true do end`)
		w.Exec(busy, c)
	})
	waitUntil(t, func() string {
		w.baton.mu.Lock()
		defer w.baton.mu.Unlock()
		if !w.baton.held {
			return "nobody computes"
		}
		return ""
	})
	var late sync.WaitGroup
	for range 20 {
		late.Go(func() {
			if _, err := runWithin(w, `return 1`, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	late.Wait()
	stop()
	wg.Wait()
	if v, err := run(w, `return started`); err != nil || !v[0].Truth() {
		t.Error(v, err)
	}
}

// Interrupt ends whoever computes for ever: a chunk, a fiber, a coroutine of theirs, a callback from outside.
func TestInterrupt(t *testing.T) {
	spin := `pcall(function() while true do pcall(function() while true do end end) end end)`
	for name, src := range map[string]string{
		"fiber":              `fiber.spawn(function() BODY end)`,
		"coroutine in fiber": `fiber.spawn(function() while true do pcall(coroutine.wrap(function() fiber.sleep(0.001) BODY end)) end end)`,
		"after a coroutine":  `fiber.spawn(function() coroutine.wrap(function() fiber.sleep(0.001) coroutine.yield() end)() BODY end)`,
		"callback":           `cb.keep("f", function() BODY end)`,
		"co in callback":     `cb.keep("f", function() while true do pcall(coroutine.wrap(function() fiber.sleep(0.001) BODY end)) end end)`,
		"sleeping between":   `cb.keep("f", function() while true do pcall(function() fiber.sleep(0.001) BODY end) end end)`,
	} {
		t.Run(name, func(t *testing.T) {
			w, _, get := callbackWorld(t, strings.ReplaceAll(src, "BODY", `cb.keep("spinning", print) `+spin))
			var err error
			var wg sync.WaitGroup
			if strings.HasPrefix(src, "cb") {
				wg.Go(func() { _, err = get("f").Call(w.Root().Context()) })
			}
			waitUntil(t, func() string {
				if get("spinning").IsNil() {
					return "it does not compute"
				}
				return ""
			})
			w.Interrupt()
			if _, err := run(w, `return 1`); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if strings.HasPrefix(src, "cb") && !errors.Is(err, context.Canceled) {
				t.Errorf("the callback: %v", err)
			}
			waitUntil(t, func() string {
				if w.busy() {
					return "the fiber has not ended"
				}
				return ""
			})
		})
	}
}

func TestExit(t *testing.T) {
	for _, src := range []string{
		`os.exit(3)`, `pcall(os.exit, 3) after = 1`, `pcall(function() os.exit(3) end) while true do end`,
		`fiber.spawn(function() os.exit(3) end) fiber.sleep(60)`, `fiber.spawn(os.exit, 3):join()`, `coroutine.wrap(function() os.exit(3) end)()`,
		`t.call(function() os.exit(3) end) after = 1`, `with({close = function() os.exit(3) end}, function() end)`,
		`xpcall(error, function() os.exit(3) end)`, `setmetatable({}, {__index = function() os.exit(3) end}).x = 1; local y = setmetatable({}, {__index = function() os.exit(3) end}).x`,
		`fiber.timeout(60, function() os.exit(3) end)`, `table.sort({1, 2}, function() os.exit(3) end)`, `with({close = function() end}, function() os.exit(3) end)`,
	} {
		w, out := newWorld(t)
		timely(t, src, time.Second, func() error {
			_, err := run(w, src+` print("after")`)
			var exit *ExitError
			if !errors.As(err, &exit) || exit.Code != 3 || w.Exited() == nil {
				t.Errorf("%s: %v", src, err)
			}
			return err
		})
		select {
		case <-w.Done():
		default:
			t.Errorf("%s: the world has not ended", src)
		}
		if out.String() != "" {
			t.Errorf("%s: went on: %s", src, out.String())
		}
	}
	w, _, get := callbackWorld(t, `cb.keep("f", function() os.exit(4) end)`)
	if _, err := get("f").Call(context.Background()); err == nil || w.Exited() == nil || w.Exited().Code != 4 {
		t.Errorf("in a callback: %v, %v", err, w.Exited())
	}
}

// Closing a world ends what is in it in every state; newWorld's clean-up sees that no goroutine is left.
func TestCloseEndsEverything(t *testing.T) {
	w, _ := newWorld(t)
	inner, _ := newWorld(t)
	ended := make(chan error, 2)
	for _, x := range []*World{w, inner} {
		go func() {
			_, err := run(x, `local c = fiber.channel()
for i = 1, 20 do
  fiber.spawn(fiber.sleep, 60) fiber.spawn(t.forever) fiber.spawn(function() c:recv() end)
  fiber.spawn(function() pcall(fiber.sleep, 60) while true do end end) fiber.spawn(function() fiber.spawn(t.forever):join() end)
  fiber.spawn(coroutine.wrap(function() t.forever() end)) fiber.spawn(function() fiber.timeout(60, t.forever) end)
  local g = coroutine.wrap(function() coroutine.yield() end) g() _G["g" .. i] = g
end
ready = true fiber.sleep(60)`)
			ended <- err
		}()
	}
	for _, x := range []*World{inner, w} {
		waitUntil(t, func() string {
			if v, err := run(x, `return ready`); err != nil || !v[0].Truth() {
				return "not ready"
			}
			return ""
		})
		start := time.Now()
		x.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := x.killCoroutines(); x.baton.timers.len() != 0 || n != 0 {
			t.Errorf("%d sleepers and %d coroutines are left", x.baton.timers.len(), n)
		}
		if _, err := run(x, `return 1`); err == nil {
			t.Error("a closed world still runs chunks")
		}
	}
}

// Errors have the line where they happened: in fibers, under pcall, in files, in tail calls, at other levels.
func TestPositions(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "mod.lua"), []byte("local M = {}\n\nfunction M.f(n)\n  t.count(n)\nend\n\nfunction M.g() error('up', 2) end\nreturn M\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "broken.lua"), []byte("local x = 1\nx = = 2\n"), 0o644)
	w, err := New(Config{Modules: []Module{testModule()}, Script: filepath.Join(dir, "main.lua")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const misuse = `t.count: argument 1 (n): whole number expected, got "x"`
	mod := filepath.Join(dir, "mod.lua")
	for src, want := range map[string]string{
		"\nreturn select(2, pcall(t.count, 'x'))":                                                  "test.lua:2: " + misuse,
		"\nreturn select(2, pcall(function()\n t.count('x') end))":                                 "test.lua:3: " + misuse,
		"return select(2, pcall(function()\n return t.count('x') end))":                            "test.lua:2: " + misuse,
		"return select(2, t.call(pcall, function()\n t.count('x') end))":                           "test.lua:2: " + misuse,
		"return tostring(select(2, fiber.spawn(function()\n t.count('x') end):join()))":            "test.lua:2: " + misuse,
		"return select(2, pcall(coroutine.wrap(function()\n t.count('x') end)))":                   "test.lua:2: " + misuse,
		"return select(2, pcall(function()\n fiber.sleep('x') end))":                               "test.lua:2: fiber.sleep: argument 1 (seconds): number of seconds expected, got string",
		"local o = t.thing('a')\nreturn select(2, pcall(function()\n return o.nam end))":           "test.lua:3: Thing has no field \"nam\", did you mean 'name'?",
		"return select(2, pcall(function()\n local function chk() error('b', 2) end\n chk() end))": "test.lua:3: b",
		"return select(2, pcall(error, 'plain'))":                                                  "plain",
		"return select(2, pcall(function() error('zero', 0) end))":                                 "zero",
		"local m = require 'mod'\nreturn select(2, pcall(m.f, 'x'))":                               mod + ":4: " + misuse,
		"local m = require 'mod'\nreturn select(2, pcall(function()\n m.g() end))":                 "test.lua:3: up",
		"return select(2, pcall(require, 'broken'))":                                               filepath.Join(dir, "broken.lua") + ":2: syntax error near '='",
		"return select(2, pcall(loadstring('\\nt.count(\"x\")', '=piece')))":                       "piece:2: " + misuse,
	} {
		v, err := run(w, src)
		if err != nil || len(v) == 0 || v[0].String() != want {
			t.Errorf("%s\ngot    %v %v\nwanted %s", src, v, err, want)
		}
	}
	_, err = run(w, "\n\nfiber.spawn(function() end)\nt.thing('a'):wait('x')")
	var se *ScriptError
	if !errors.As(err, &se) || se.File != "test.lua" || se.Line != 4 {
		t.Errorf("%v", err)
	}
}
