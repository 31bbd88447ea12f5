package lua

import (
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// TestMold: threads are made without gopher-lua's NewThread, are apart from each other, and grow.
func TestMold(t *testing.T) {
	w, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	m := w.moldOf(smallRegistry, smallGrowth, smallCallStack)
	if !m.fits {
		t.Fatal("gopher-lua's threads are made otherwise than this package expects")
	}
	a, b := m.thread(), m.thread()
	for i := range 1000 {
		a.Push(glua.LNumber(i))
	}
	b.Push(glua.LString("b"))
	if a.GetTop() != 1000 || b.GetTop() != 1 || m.pattern.GetTop() != 0 || a.Get(1000) != glua.LNumber(999) {
		t.Errorf("%d, %d and %d values on three stacks", a.GetTop(), b.GetTop(), m.pattern.GetTop())
	}
	if garbage := testing.AllocsPerRun(100, func() { m.thread() }); garbage > 8 {
		t.Errorf("a thread takes %.0f allocations", garbage)
	}
}

// BenchmarkThread is what a thread costs.
func BenchmarkThread(b *testing.B) {
	w, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	m := w.moldOf(registrySize, 512, callStackSize)
	b.Run("mold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.thread()
		}
	})
	b.Run("NewThread", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.seed.NewThread()
		}
	})
}
