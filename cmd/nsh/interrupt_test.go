package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/std"
)

// Nothing may take longer to stop than slow, on a machine that does other things, too; on one that does not, 250 ms.
const (
	slow     = time.Second
	promised = 250 * time.Millisecond
)

// TestInterruptsAll makes sure that every declared function that may block is among the waits.
func TestInterruptsAll(t *testing.T) {
	known := map[string]bool{}
	for _, w := range waits() {
		known[w.name] = true
	}
	var must []string
	for _, p := range std.All() {
		for _, m := range p.Modules {
			for _, f := range m.Funcs {
				if blocks(f.Call) {
					must = append(must, m.Name+"."+f.Name)
				}
			}
			for _, typ := range m.Types {
				for _, f := range typ.Methods {
					if blocks(f.Call) {
						must = append(must, typ.Name+":"+f.Name)
					}
				}
			}
		}
	}
	if len(must) < 30 {
		t.Errorf("only %d functions that may block were found", len(must))
	}
	for _, path := range must {
		if !known[path] && !known[standsFor()[path]] {
			t.Errorf("%s may block, and is not among the waits that Ctrl-C is tried on", path)
		}
	}
}

// blocks says whether a declared function has a context, and so gives the baton away.
func blocks(call any) bool {
	typ := reflect.TypeOf(call)
	if typ == nil || typ.Kind() != reflect.Func {
		return false
	}
	for i := range typ.NumIn() {
		if typ.In(i) == reflect.TypeFor[context.Context]() {
			return true
		}
	}
	return false
}

// repeats is how often each wait is interrupted: once, unless more rounds are asked for.
func repeats() int { return max(1, rounds()/10) }

// pause is a random moment after a call has begun.
func pause() { time.Sleep(rand.N(60 * time.Millisecond)) }

// TestCtrlCAtPrompt interrupts every wait at random moments: the prompt is back, and the laboratory usable.
//
//	NSH_ROUNDS=1000 go test ./cmd/nsh -run TestCtrlC -v -timeout 1h
func TestCtrlCAtPrompt(t *testing.T) {
	needsLaboratories(t)
	s := launch(t, wayNamed("prompt"), os.Geteuid(), setUp+setUpSilent+"print('it is up')")
	if s.out.sees(patience, "it is up\r\n") < 0 {
		t.Fatalf("%s", s.out.all())
	}
	s.out.sees(patience, "nsh> ")
	var took times
	for _, w := range waits() {
		for range repeats() {
			if !s.interrupted(w, &took) {
				return
			}
		}
	}
	took.report(t)
	s.out.types("\x04")
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.gone()
}

// interrupted is one Ctrl-C at the prompt; false is that there is none any more.
func (s *job) interrupted(w wait, took *times) bool {
	s.out.types("do io.write('g', 'o\\n') " + w.call + " end\r")
	if s.out.sees(patience, "go\r\n") < 0 {
		s.t.Errorf("%s: it does not begin: %q", w.name, s.out.rest())
		return false
	}
	pause()
	start := time.Now()
	s.out.types("\x03")
	switch s.out.sees(patience, "interrupted", "nsh> ") {
	case 1:
		s.t.Errorf("%s ended by itself: %.400q", w.name, s.out.rest())
		return true
	case -1:
		s.t.Errorf("%s does not end: %.400q", w.name, s.out.rest())
		return false
	}
	if s.out.sees(patience, "nsh> ") < 0 {
		s.t.Errorf("%s: no prompt: %.400q", w.name, s.out.rest())
		return false
	}
	took.add(w.name, time.Since(start))
	s.out.types("print('us' .. 'able', pcall(a.interfaces, a))\r")
	if s.out.sees(patience, "usable\ttrue\t{", "usable\ttrue") < 0 || s.out.sees(patience, "nsh> ") < 0 {
		s.t.Errorf("%s: the laboratory afterwards: %.400q", w.name, s.out.rest())
		return false
	}
	return true
}

// TestCtrlCInFile interrupts every wait in a script: it has ended with 130, and everything with it.
func TestCtrlCInFile(t *testing.T) {
	needsLaboratories(t)
	var took times
	for _, w := range waits() {
		for range repeats() {
			kind := wayNamed("file")
			if w.host {
				kind = wayNamed("--host")
			}
			kind.terminal = true
			s := launch(t, kind, users()[rand.N(len(users()))], w.setUp()+"print('it is up') "+w.call)
			s.what = w.name + ", " + s.what
			if s.out.sees(patience, "it is up\r\n") < 0 {
				t.Fatalf("%s: %s", s.what, s.out.all())
			}
			pause()
			from := time.Now()
			s.out.types("\x03")
			code := s.ends()
			took.add(w.name, time.Since(from))
			if s.out.sees(patience, "interrupted") < 0 || code != 130 {
				t.Errorf("%s: exit code %d: %q", s.what, code, s.out.all())
			}
			s.gone()
		}
	}
	took.report(t)
}

// times are how long each wait took to stop.
type times struct {
	all  []time.Duration
	slow []string
	late []string
}

func (x *times) add(name string, d time.Duration) {
	x.all = append(x.all, d)
	if d > slow {
		x.slow = append(x.slow, fmt.Sprintf("%s %v", name, d.Round(time.Millisecond)))
	} else if d > promised {
		x.late = append(x.late, fmt.Sprintf("%s %v", name, d.Round(time.Millisecond)))
	}
}

func (x *times) report(t *testing.T) {
	t.Helper()
	t.Log("stopped after ", distribution(x.all))
	if len(x.late) > 0 {
		t.Logf("over %v: %v", promised, x.late)
	}
	if len(x.slow) > 0 {
		slices.Sort(x.slow)
		t.Errorf("over %v: %v", slow, x.slow)
	}
}
