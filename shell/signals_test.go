package shell

import "testing"

// TestEarlyInterrupt is Ctrl-C at the moments between the start of nsh and its end when nothing runs: it must not be lost.
func TestEarlyInterrupt(t *testing.T) {
	newOne := func() *guard { return &guard{restore: func() {}, hangUp: func() {}} }
	ended := 0
	end := func() { ended++ }

	g := newOne()
	g.interrupt()
	g.running(end)
	if ended != 1 {
		t.Error("before the script: the script runs on")
	}
	g.running(nil)
	g.running(end)
	if ended != 1 {
		t.Error("one Ctrl-C ended two runs")
	}
	g.running(nil)
	g.interrupt()
	g.closing(end)
	if ended != 2 {
		t.Error("after the script: the world is not told to hurry")
	}

	g, ended = newOne(), 0
	g.interrupt()
	dropped := 0
	g.editing(&plainEditor{})
	g.typing = func() { dropped++ }
	g.interrupt()
	g.running(end)
	if ended != 0 || dropped != 1 {
		t.Errorf("at the prompt: %d runs ended, %d lines dropped", ended, dropped)
	}
}
