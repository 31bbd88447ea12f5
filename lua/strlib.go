package lua

import (
	"strings"

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
	mt := w.seed.CreateTable(0, 4)
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
