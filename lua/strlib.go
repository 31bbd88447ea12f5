package lua

import (
	"strings"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
)

// nsh's own string.rep, find, match, gmatch, gsub and format, and table.concat: gopher-lua's cannot be interrupted, or
// can ask for memory that ends the process past any pcall.

// maxString bounds what these functions build.
const maxString = 256 << 20

// chunkSize is how much is copied between two looks at the run's context.
const chunkSize = 1 << 20

func (w *World) openString() {
	glua.OpenString(w.seed)
	mod := w.seed.GetGlobal("string").(*glua.LTable)
	mod.RawSetString("dump", glua.LNil)
	for name, fn := range map[string]glua.LGFunction{
		"rep": strRep, "find": strFind, "match": strMatch, "gmatch": strGmatch, "gsub": strGsub, "format": strFormat,
	} {
		mod.RawSetString(name, w.seed.NewFunction(fn))
	}
	mod.RawSetString("gfind", glua.LNil)
	mod.RawSetString("__index", glua.LNil) // gopher-lua's string table is its own metatable
	mt := w.seed.NewTable()
	mt.RawSetString("__index", mod)
	mt.RawSetString("__metatable", glua.LString("string"))
	w.seed.SetMetatable(glua.LString(""), mt)
	w.seed.GetGlobal("table").(*glua.LTable).RawSetString("concat", w.seed.NewFunction(tabConcat))
}

// textArg is a string argument; a number is taken for its numeral, as Lua's library does.
func textArg(L *glua.LState, n int, fn, param string) string { return textAt(L, n, n, fn, param) }

// textAt is textArg where the argument's number is not its place, as in methods, whose receiver is not counted.
func textAt(L *glua.LState, at, n int, fn, param string) string {
	switch v := L.Get(at).(type) {
	case glua.LString:
		return string(v)
	case glua.LNumber:
		return formatNumber(float64(v))
	default:
		L.RaiseError("%s: argument %d (%s): string expected, got %s", fn, n, param, describe(v))
	}
	return ""
}

// A builder makes a long string in pieces, looking at the context as it goes: to grow one buffer would copy hundreds of
// megabytes in one uninterruptible step.
type builder struct {
	L    *glua.LState
	fn   string
	full [][]byte // pieces of chunkSize
	buf  []byte
	size int
	due  int
}

func newBuilder(L *glua.LState, fn string) *builder { return &builder{L: L, fn: fn} }

func (b *builder) add(s string) {
	if b.size+len(s) > maxString {
		b.L.RaiseError("%s: the result would be longer than %d bytes", b.fn, maxString)
	}
	b.size += len(s)
	for len(s) > 0 {
		if len(b.buf) == chunkSize {
			b.full = append(b.full, b.buf)
			b.buf = make([]byte, 0, chunkSize)
		}
		n := min(len(s), chunkSize-len(b.buf))
		b.buf = append(b.buf, s[:n]...)
		s = s[n:]
		b.tick(n)
	}
	b.tick(0)
}

// tick looks at the context once per so many bytes or calls.
func (b *builder) tick(n int) {
	if b.due += n + 16; b.due > chunkSize {
		b.due = 0
		stopIfDone(b.L)
	}
}

func (b *builder) text() glua.LString {
	if len(b.full) == 0 {
		return glua.LString(unsafe.String(unsafe.SliceData(b.buf), len(b.buf)))
	}
	all := make([]byte, 0, b.size)
	for _, piece := range append(b.full, b.buf) {
		all = append(all, piece...)
		stopIfDone(b.L)
	}
	return glua.LString(unsafe.String(unsafe.SliceData(all), len(all)))
}

func strRep(L *glua.LState) int {
	s, n := textArg(L, 1, "string.rep", "s"), wholeArg(L, 2, "string.rep", "n", required)
	sep := ""
	if L.Get(3) != glua.LNil {
		sep = textArg(L, 3, "string.rep", "sep")
	}
	if n <= 0 || len(s)+len(sep) == 0 {
		L.Push(glua.LString(""))
		return 1
	}
	if total := float64(len(s)+len(sep)) * float64(n); total > maxString {
		L.RaiseError("string.rep: the result would be %.0f bytes long; the limit is %d", total, maxString)
	}
	b := newBuilder(L, "string.rep")
	unit, times := s+sep, n-1
	if len(unit) < chunkSize/64 && times > 64 { // many short pieces: copy them in long ones
		per := min(chunkSize/max(len(unit), 1), times)
		long := strings.Repeat(unit, per)
		for ; times >= per; times -= per {
			b.add(long)
		}
	}
	for ; times > 0; times-- {
		b.add(unit)
	}
	b.add(s)
	L.Push(b.text())
	return 1
}

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

func strFind(L *glua.LState) int  { return find(L, "string.find", true) }
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

func strGsub(L *glua.LState) int {
	const fn = "string.gsub"
	s, pat, repl := textArg(L, 1, fn, "s"), textArg(L, 2, fn, "pattern"), L.Get(3)
	switch repl.Type() {
	case glua.LTString, glua.LTNumber, glua.LTTable, glua.LTFunction:
	default:
		L.RaiseError("%s: argument 3 (repl): string, table or function expected, got %s", fn, describe(repl))
	}
	limit := wholeArg(L, 4, fn, "n", len(s)+1)
	p, anchor := 0, strings.HasPrefix(pat, "^")
	if anchor {
		p = 1
	}
	m, b, at, n := newMatcher(L, s, pat), newBuilder(L, fn), 0, 0
	for n < limit {
		end := m.try(L, fn, at, p)
		if end >= 0 {
			n++
			m.replace(L, b, repl, at, end)
		}
		switch {
		case end > at:
			at = end
		case at < len(s):
			b.add(s[at : at+1])
			at++
		default:
			at++
		}
		if at > len(s) || anchor {
			break
		}
	}
	if at < len(s) {
		b.add(s[at:])
	}
	L.Push(b.text())
	L.Push(glua.LNumber(n))
	return 2
}

// replace adds what stands for the match.
func (m *matcher) replace(L *glua.LState, b *builder, repl glua.LValue, start, end int) {
	var v glua.LValue
	switch r := repl.(type) {
	case glua.LString, glua.LNumber:
		m.template(L, b, Value{r}.String(), start, end)
		return
	case *glua.LTable:
		v = L.GetTable(r, m.value(L, b.fn, 0, start, end))
	default:
		level, capture := m.level, m.capture
		L.Push(r)
		n := m.push(L, b.fn, start, end)
		L.Call(n, 1)
		m.level, m.capture = level, capture
		v = L.Get(-1)
		L.Pop(1)
		stopIfDone(L)
	}
	switch v.Type() {
	case glua.LTString:
		b.add(string(v.(glua.LString)))
	case glua.LTNumber:
		b.add(formatNumber(float64(v.(glua.LNumber))))
	default:
		if glua.LVAsBool(v) {
			L.RaiseError("%s: invalid replacement value (a %s)", b.fn, typeName(v))
		}
		b.add(m.src[start:end])
	}
}

func (m *matcher) template(L *glua.LState, b *builder, repl string, start, end int) {
	for {
		i := strings.IndexByte(repl, '%')
		if i < 0 {
			b.add(repl)
			return
		}
		b.add(repl[:i])
		if i+1 >= len(repl) {
			L.RaiseError("%s: argument 3 (repl): ends with '%%'", b.fn)
		}
		switch c := repl[i+1]; {
		case c == '0':
			b.add(m.src[start:end])
		case c >= '1' && c <= '9':
			v := m.value(L, b.fn, int(c-'1'), start, end)
			b.add(Value{v}.String())
		default:
			b.add(string(c))
		}
		repl = repl[i+2:]
	}
}

func tabConcat(L *glua.LState) int {
	const fn = "table.concat"
	tb, ok := L.Get(1).(*glua.LTable)
	if !ok {
		L.RaiseError("%s: argument 1 (list): table expected, got %s", fn, describe(L.Get(1)))
	}
	sep := ""
	if L.Get(2) != glua.LNil {
		sep = textArg(L, 2, fn, "sep")
	}
	i, j := wholeArg(L, 3, fn, "i", 1), wholeArg(L, 4, fn, "j", tb.Len())
	b := newBuilder(L, fn)
	for k := i; k <= j; k++ {
		switch v := tb.RawGetInt(k).(type) {
		case glua.LString:
			b.add(string(v))
		case glua.LNumber:
			b.add(formatNumber(float64(v)))
		default:
			L.RaiseError("%s: element %d is a %s, not a string or number", fn, k, typeName(v))
		}
		if k < j {
			b.add(sep)
		}
	}
	L.Push(b.text())
	return 1
}
