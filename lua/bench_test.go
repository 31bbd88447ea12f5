package lua

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// bench runs source, which gets the number of rounds.
func bench(b *testing.B, setup, src string) {
	w, err := New(Config{Modules: []Module{testModule(), benchModule()}})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if setup != "" {
		if _, err := run(w, setup); err != nil {
			b.Fatal(err)
		}
	}
	c, err := Compile("bench", "local n = ... "+src)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := w.Exec(context.Background(), c, b.N); err != nil {
		b.Fatal(err)
	}
}

func benchModule() Module {
	return Module{Name: "b", Doc: "For benchmarks.", Funcs: []Func{
		{Name: "plain", Params: "n", Doc: "Keeps the baton.", Call: func(n int) int { return n }},
		{Name: "blocks", Params: "n", Doc: "Hands the baton on.", Call: func(ctx context.Context, n int) int { return n }},
		{Name: "direct", Params: "n", Doc: "Without reflection.", Call: func(n int) int { return n }, Direct: func(c *Call) int { return c.ReturnInt(c.Len()) }},
		{Name: "options", Params: "name, options", Doc: "Takes options.", Call: func(name string, o thingOptions) int { return o.Size }},
		{Name: "call", Params: "f, n", Doc: "Calls back.", Call: func(ctx context.Context, f Callback, n int) error {
			for range n {
				if _, err := f.Call(ctx, 1); err != nil {
					return err
				}
			}
			return nil
		}},
		{Name: "foreign", Params: "f, n", Doc: "Calls from outside.", Call: func(ctx context.Context, env *Env, f Callback, n int) error {
			done := make(chan error)
			go func() {
				var err error
				for range n {
					if _, err = f.Call(env.Scope().Context(), 1); err != nil {
						break
					}
				}
				done <- err
			}()
			return <-done
		}},
	}}
}

func BenchmarkSwitchYield(b *testing.B) {
	bench(b, "", `local function f() for i = 1, n / 2 do fiber.yield() end end fiber.all{f, f}`)
}

func BenchmarkSwitchChannel(b *testing.B) {
	bench(b, "", `local c = fiber.channel() fiber.spawn(function() for i = 1, n do c:send(i) end end) for i = 1, n do c:recv() end`)
}

func BenchmarkCallPlain(b *testing.B)  { bench(b, "", `local f = b.plain for i = 1, n do f(i) end`) }
func BenchmarkCallDirect(b *testing.B) { bench(b, "", `local f = b.direct for i = 1, n do f(i) end`) }
func BenchmarkCallBlocks(b *testing.B) { bench(b, "", `local f = b.blocks for i = 1, n do f(i) end`) }
func BenchmarkCallOptions(b *testing.B) {
	bench(b, "", `for i = 1, n do b.options("x", {size = 5}) end`)
}
func BenchmarkSpawnJoin(b *testing.B) {
	bench(b, "", `local function f() end for i = 1, n do fiber.spawn(f):join() end`)
}
func BenchmarkPcall(b *testing.B) {
	bench(b, "", `local function f() end for i = 1, n do pcall(f) end`)
}
func BenchmarkPcallError(b *testing.B) {
	bench(b, "", `for i = 1, n do pcall(error, "x") end`)
}
func BenchmarkResumeYield(b *testing.B) {
	bench(b, "", `local g = coroutine.wrap(function() while true do coroutine.yield() end end) for i = 1, n do g() end`)
}
func BenchmarkCoroutine(b *testing.B) {
	bench(b, "", `local function f() end for i = 1, n do coroutine.wrap(f)() end`)
}
func BenchmarkCallbackInline(b *testing.B) { bench(b, "", `b.call(function(x) return x end, n)`) }
func BenchmarkCallbackForeign(b *testing.B) {
	bench(b, "", `b.foreign(function(x) return x end, n)`)
}
func BenchmarkLoop(b *testing.B) { bench(b, "", `local s = 0 for i = 1, n do s = s + i end`) }

// One operation is a fiber that sleeps; RSS/fiber is what one takes while all of them do.
func BenchmarkSleepingFibers(b *testing.B) {
	const fibers = 100_000
	for b.Loop() {
		w, err := New(Config{})
		if err != nil {
			b.Fatal(err)
		}
		before := rss()
		start := time.Now()
		if _, err := run(w, `for i = 1, ... do fiber.spawn(function(x) fiber.sleep(3600) return x end, i) end fiber.yield()`, fibers); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/fibers, "ns/fiber")
		b.ReportMetric(float64(rss()-before)*1024/fibers, "B-RSS/fiber")
		b.ReportMetric(float64(rss())/1024, "MiB-RSS")
		start = time.Now()
		w.Close()
		b.ReportMetric(time.Since(start).Seconds(), "s-close")
	}
}

// rss is the process's resident memory in KiB.
func rss() (kib int) {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fmt.Sscan(rest, &kib)
	return kib
}
