package check

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// run runs a script and returns what it printed, and how many failures its world counted.
func run(tb testing.TB, src string) (out string, failures int, err error) {
	tb.Helper()
	w := plugintest.New(tb, Plugin())
	out, err = w.Run(src)
	if exit := w.Exited(); exit != nil {
		err = exit
	}
	return strings.TrimRight(out, "\n"), w.Failures(), err
}

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		src, want string
		failures  int
	}{
		{`check(true, "it holds")`, "ok   it holds", 0},
		{`check(0, "zero is true")`, "ok   zero is true", 0},
		{`check(true)`, "", 0},
		{`print(check(1 == 1), check(false))`, "FAIL check: saw false  (test.lua:1)\ntrue\tfalse", 1},
		{"\ncheck(false, 'it holds')", "FAIL it holds: saw false  (test.lua:2)", 1},
		{`check(nil, "there is one") print("goes on")`, "FAIL there is one: saw nil  (test.lua:1)\ngoes on", 1},
		{`for i = 1, 3 do check(i == 2, "two") end`, "FAIL two: saw false  (test.lua:1)\nok   two\nFAIL two: saw false  (test.lua:1)", 2},

		{`check.equal(1, 1)`, "", 0},
		{`check.equal(1, 1, "same")`, "ok   same", 0},
		{`check.equal(1, 2, "same")`, "FAIL same: saw 1, wanted 2  (test.lua:1)", 1},
		{`check.equal("1", 1)`, `FAIL check.equal: saw "1", wanted 1  (test.lua:1)`, 1},
		{`check.equal(nil, nil, "nothing")`, "ok   nothing", 0},
		{`check.equal(nil, 1, "one")`, "FAIL one: saw nil, wanted 1  (test.lua:1)", 1},
		{`check.equal({1, {x = 2}}, {1, {x = 2}}, "deep")`, "ok   deep", 0},
		{`check.equal({a = 1}, {a = 1, b = 2}, "keys")`, "FAIL keys  (test.lua:1)\n     saw     a  1\n     wanted  a  1\n             b  2", 1},
		{`check.equal({1, 2, 3}, {1, 2}, "length")`, "FAIL length: saw {1, 2, 3}, wanted {1, 2}  (test.lua:1)", 1},
		{`check.equal(0/0, 0/0, "nan")`, "FAIL nan: saw nan (number), wanted nan (number)  (test.lua:1)", 1},
		{`check.equal(print, print, "functions")`, "ok   functions", 0},
		{`local t = {} t.t = t check.equal(t, t, "itself")`, "ok   itself", 0},
		{`local function f(x) check.equal(x, 1, "in a function") end f(2)`, "FAIL in a function: saw 2, wanted 1  (test.lua:1)", 1},
		{`check.equal("a\27[31m", "b", "escapes")`, `FAIL escapes: saw "a\x1b[31m", wanted "b"  (test.lua:1)`, 1},

		{`check.within(5, function() return true end, "at once")`, "ok   at once", 0},
		{`local n = 0 check.within(5, function() n = n + 1 return n == 3 end, "third") print(n)`, "ok   third\n3", 0},
		{`check.within(0, function() return false, "a reason" end, "never")`, `FAIL never: saw "a reason", wanted true within 0s  (test.lua:1)`, 1},
		{`check.within(0.03, function() return nil end)`, "FAIL check.within: saw nil, wanted true within 30ms  (test.lua:1)", 1},
		{`check.within(0.02, function() end, "no results")`, "FAIL no results: saw nil, wanted true within 20ms  (test.lua:1)", 1},
		{`check.within(1, function() fiber.sleep(0.001) return true end, "waiting inside")`, "ok   waiting inside", 0},
	} {
		out, failures, err := run(t, c.src)
		if err != nil {
			t.Errorf("%s\n%v", c.src, err)
		}
		if failures != c.failures || out != c.want {
			t.Errorf("%s\nprinted %s (%d failures)\nwanted  %s (%d)", c.src, out, failures, c.want, c.failures)
		}
	}
}

func TestLargeValuesStandBelow(t *testing.T) {
	out, failures, err := run(t, `check.equal({name = ("x"):rep(60), n = 1}, {name = ("y"):rep(60), n = 1}, "records")`)
	if err != nil || failures != 1 {
		t.Fatal(failures, err)
	}
	lines := strings.Split(out, "\n")
	if lines[0] != "FAIL records  (test.lua:1)" || !strings.HasPrefix(lines[1], "     saw     ") || !strings.Contains(out, "\n     wanted  ") {
		t.Errorf("printed\n%s", out)
	}
	if !strings.Contains(out, strings.Repeat("x", 60)) || !strings.Contains(out, strings.Repeat("y", 60)) {
		t.Errorf("not both are shown:\n%s", out)
	}
}

func TestMisuse(t *testing.T) {
	for src, want := range map[string]string{
		`check(true, 5)`:                                "check: argument 2 (what): string expected, got 5",
		`check.equal(1, 1, {})`:                         "check.equal: argument 3 (what): string expected, got table",
		`check.within()`:                                "check.within: argument 1 (seconds): number of seconds expected, got nothing",
		`check.within(1)`:                               "check.within: argument 2 (f): function expected, got nothing",
		`check.within(-1, print)`:                       "check.within: argument 1 (seconds)",
		`check.within(1, function() error("oops") end)`: "test.lua:1: oops",
		`skip()`:   "skip: argument 1 (why): string expected, got nothing",
		`skip("")`: "skip: argument 1 (why): is empty",
	} {
		_, _, err := run(t, src)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nsaid   %v\nwanted %s", src, err, want)
		}
	}
}

func TestSkipEndsTheScript(t *testing.T) {
	out, failures, err := run(t, `print("before") skip("no bench here") print("after")`)
	var exit *lua.ExitError
	if !errors.As(err, &exit) || exit.Code != exitSkip || exit.Text != "skipped: no bench here" {
		t.Fatalf("ended with %v", err)
	}
	if out != "before" || failures != 0 {
		t.Errorf("printed %q, %d failures", out, failures)
	}
}

// A look that never returns is ended, and the script goes on.
func TestALookThatHangs(t *testing.T) {
	start := time.Now()
	out, failures, err := run(t, `
		check.within(0.05, function() fiber.sleep(1000) return true end, "hangs")
		check.within(0.05, function() while true do end end, "spins")
		print("goes on")`)
	if err != nil || failures != 2 || !strings.HasSuffix(out, "goes on") || !strings.Contains(out, "FAIL hangs: saw nothing: the function did not return") {
		t.Errorf("%v, %d failures\n%s", err, failures, out)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}

// Other fibers run while a condition is waited for; several wait at once.
func TestOthersRunMeanwhile(t *testing.T) {
	out, failures, err := run(t, `
		local n, waiters = 0, {}
		for i = 1, 20 do
			waiters[i] = fiber.spawn(function() return check.within(5, function() return n >= i, n end) end)
		end
		for i = 1, 20 do fiber.sleep(0.001) n = i end
		for i = 1, 20 do assert(waiters[i]:join()) end
		print(n)`)
	if err != nil || failures != 0 || out != "20" {
		t.Errorf("%v, %d failures\n%s", err, failures, out)
	}
}

func TestCancelled(t *testing.T) {
	start := time.Now()
	out, _, err := run(t, `local f = fiber.spawn(function() check.within(1000, function() return false end) end)
		fiber.sleep(0.02) f:cancel() print((f:join()))`)
	if err != nil || out != "nil" || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v\n%s", time.Since(start), err, out)
	}
}
