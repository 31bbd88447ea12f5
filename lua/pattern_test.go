package lua

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// matchAll runs a pattern over a subject as find does, with a step budget; it must never panic otherwise.
func matchAll(t *testing.T, src, pat string) {
	steps := 0
	m := &matcher{src: src, pat: pat, stop: func() error {
		if steps++; steps > 50 {
			return errEnough
		}
		return nil
	}}
	defer func() {
		switch r := recover().(type) {
		case nil, patternError:
		case error:
			if !errors.Is(r, errEnough) {
				t.Errorf("%q:find(%q): %v", src, pat, r)
			}
		default:
			t.Errorf("%q:find(%q): %v", src, pat, r)
		}
	}()
	for at := 0; at <= len(src); at++ {
		m.level, m.depth = 0, 0
		if end := m.match(at, 0); end > len(src) || end >= 0 && end < at {
			t.Errorf("%q:find(%q): from %d to %d", src, pat, at, end)
		}
	}
}

var errEnough = errors.New("enough steps")

func FuzzPattern(f *testing.F) {
	for _, p := range []string{"a", "%", "[", "[^", "[%", "[a-", "(", ")", "()", "%1", "%b", "%bx", "%f", "%f[", "(.)%1", "a-b*c?$", "[]]", "[^]]", "[%a-z]", "(()())%2", "%g", "^", "$", "%z"} {
		f.Add("hello (world) a\x00b", p)
	}
	f.Fuzz(func(t *testing.T, src, pat string) { matchAll(t, src, pat) })
}

// The same without a fuzzer's corpus: random patterns out of the pieces that matter.
func TestRandomPatterns(t *testing.T) {
	pieces := []string{"a", "b", ".", "%", "%a", "%b()", "%f[a]", "%1", "%2", "(", ")", "()", "[", "]", "[^", "[a-b]", "[%]", "-", "*", "+", "?", "^", "$", "\x00", "\xff", "%z", "%W"}
	subjects := []string{"", "a", "ab(ab)b", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "(()())a\x00\xffb"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var p strings.Builder
		for range r.IntN(8) {
			p.WriteString(pieces[r.IntN(len(pieces))])
		}
		matchAll(t, subjects[r.IntN(len(subjects))], p.String())
	}
}

// Whatever the matcher does, the run's end ends it.
func TestPatternsCanBeCancelled(t *testing.T) {
	w, _ := newWorld(t)
	for _, src := range []string{
		`("a"):rep(40):find(("a*"):rep(40) .. "b")`, `("a"):rep(40):match(("a-"):rep(40) .. "b")`, `("a"):rep(1e6):gsub("a.-b", "")`,
		`for _ in ("a"):rep(1e6):gmatch(".-.-b") do end`, `("("):rep(1e6):find("%b()")`, `("a"):rep(1e7):gsub(".", "%0%0")`, `("a"):rep(1e6):find(("a?"):rep(30) .. "b")`,
	} {
		timely(t, src, 250*time.Millisecond, func() error {
			_, err := runWithin(w, `pcall(function() while true do `+src+` end end)`, 30*time.Millisecond)
			if err == nil {
				t.Errorf("%s: ended by itself", src)
			}
			return err
		})
	}
}
