package lua

import (
	"strings"

	glua "github.com/yuin/gopher-lua"
)

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
