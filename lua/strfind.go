package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// newMatcher prepares a matcher whose work the run's context can end.
func newMatcher(L *glua.LState, src, pat string) *matcher {
	return &matcher{src: src, pat: pat, stop: func() error {
		env := envOf(L)
		select {
		case <-env.Done():
			return env.Err()
		default:
			return nil
		}
	}}
}

// try matches at s and turns what is wrong with the pattern into a Lua error.
func (m *matcher) try(L *glua.LState, fn string, s, p int) int {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case patternError:
			L.RaiseError("%s: %s", fn, string(r))
		case error:
			L.RaiseError("%s", r.Error())
		default:
			panic(r)
		}
	}()
	m.level, m.depth = 0, 0
	return m.match(s, p)
}

// value is the i-th capture, or the whole match when there are none.
func (m *matcher) value(L *glua.LState, fn string, i, start, end int) glua.LValue {
	if i >= m.level {
		if i > 0 {
			L.RaiseError("%s: invalid capture index", fn)
		}
		return glua.LString(m.src[start:end])
	}
	c := m.capture[i]
	switch c.len {
	case capturePosition:
		return glua.LNumber(c.start + 1)
	case captureOpen:
		L.RaiseError("%s: unfinished capture", fn)
	}
	return glua.LString(m.src[c.start : c.start+c.len])
}

func (m *matcher) push(L *glua.LState, fn string, start, end int) int {
	n := max(m.level, 1)
	for i := 0; i < n; i++ {
		L.Push(m.value(L, fn, i, start, end))
	}
	return n
}

func strFind(L *glua.LState) int { return find(L, "string.find", true) }

func strMatch(L *glua.LState) int { return find(L, "string.match", false) }

func find(L *glua.LState, fn string, positions bool) int {
	s, pat := textArg(L, 1, fn, "s"), textArg(L, 2, fn, "pattern")
	init := wholeArg(L, 3, fn, "init", 1)
	if init < 0 {
		init = max(len(s)+init+1, 1)
	} else if init == 0 {
		init = 1
	}
	init = min(init, len(s)+1)
	if positions && (glua.LVAsBool(L.Get(4)) || !strings.ContainsAny(pat, "^$*+?.([%-")) {
		i := strings.Index(s[init-1:], pat)
		if i < 0 {
			L.Push(glua.LNil)
			return 1
		}
		L.Push(glua.LNumber(init + i))
		L.Push(glua.LNumber(init + i + len(pat) - 1))
		return 2
	}
	m := newMatcher(L, s, pat)
	anchor := strings.HasPrefix(pat, "^")
	p := 0
	if anchor {
		p = 1
	}
	for at := init - 1; at <= len(s); at++ {
		if end := m.try(L, fn, at, p); end >= 0 {
			if !positions {
				return m.push(L, fn, at, end)
			}
			L.Push(glua.LNumber(at + 1))
			L.Push(glua.LNumber(end))
			if m.level == 0 {
				return 2
			}
			return 2 + m.push(L, fn, at, end)
		}
		if anchor {
			break
		}
	}
	L.Push(glua.LNil)
	return 1
}

func strGmatch(L *glua.LState) int {
	s, pat := textArg(L, 1, "string.gmatch", "s"), textArg(L, 2, "string.gmatch", "pattern")
	at := 0
	L.Push(L.NewFunction(func(L *glua.LState) int {
		m := newMatcher(L, s, pat)
		for ; at <= len(s); at++ {
			if end := m.try(L, "string.gmatch", at, 0); end >= 0 {
				start := at
				at = end
				if end == start {
					at++
				}
				return m.push(L, "string.gmatch", start, end)
			}
		}
		L.Push(glua.LNil)
		return 1
	}))
	return 1
}
