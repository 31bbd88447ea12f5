package lua

import (
	"context"
	"strings"
	"testing"
)

// A world beside another compiles nothing that the other has compiled, prints through it, and hands its failures and its
// os.exit on.
func TestIsolateBeside(t *testing.T) {
	w := newFrozenWorld(t, "")
	snapshot, err := frozenText(t, w, `local n = 1 host.freeze(function() n = n + 1 print("it says", n) end, function() os.exit(7) end)`)
	if err != nil {
		t.Fatal(err)
	}
	var chunk *Chunk
	for i := range 3 {
		iso, err := w.Isolate(nil)
		if err != nil {
			t.Fatal(err)
		}
		fns, err := iso.Thaw(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fns[0].Call(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.library.chunks {
			if chunk == nil {
				chunk = c
			}
			if c != chunk || len(w.library.chunks) != 1 {
				t.Errorf("%d chunks are known", len(w.library.chunks))
			}
		}
		iso.Fail("a check")
		if i == 2 {
			fns[1].Call(context.Background())
		}
		iso.End()
	}
	if got := w.out.String(); got != strings.Repeat("it says\t2\na check\n", 3) {
		t.Errorf("printed %q", got)
	}
	if n := w.Failures(); n != 3 {
		t.Errorf("%d failures are counted", n)
	}
	if exit := w.Exited(); exit == nil || exit.Code != 7 {
		t.Errorf("the world has ended with %v", exit)
	}
}

// A frozen call may carry objects, which are one object wherever the call reaches them; others are refused.
func TestFreezeCall(t *testing.T) {
	w := newFrozenWorld(t, "")
	c, err := Compile("lab.lua", `local a, b = host.thing(), host.thing()
host.freeze(function(x, y) print(x == a, x == y, y == b, rawequal(a, x)) end, function() return a, b end)`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Exec(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	out, err := w.taken[1].Call(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := func(x any) bool { _, ok := x.(*handle); return ok }
	call, err := w.FreezeCall("f", w.taken[0], []Value{out[0], out[1]}, all)
	if err != nil || len(call.Carried) != 2 {
		t.Fatalf("%v, carried %v", err, call.Carried)
	}
	other := newFrozenWorld(t, "")
	fn, args, err := other.ThawCall(FrozenCall{call.Snapshot, []any{&handle{}, &handle{}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fn.Call(context.Background(), args...); err != nil || other.out.String() != "true\tfalse\ttrue\ttrue\n" {
		t.Errorf("%v, printed %q", err, other.out.String())
	}
	if _, _, err := other.ThawCall(FrozenCall{call.Snapshot, call.Carried[:1]}); err == nil || !strings.Contains(err.Error(), "object 1 has not come") {
		t.Errorf("without an object: %v", err)
	}
	_, err = w.FreezeCall("f", w.taken[0], []Value{out[0]}, nil)
	if err == nil || err.Error() != "argument 1 of f is a Thing, and cannot be copied into another Lua world" {
		t.Errorf("with nothing that carries: %v", err)
	}
}
