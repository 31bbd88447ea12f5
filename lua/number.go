package lua

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// What gopher-lua does otherwise than C Lua with numbers and tables: tonumber("1e2") is nil there, math.huge is finite,
// rawset returns nothing.
func (w *World) openNumbers() {
	L := w.seed
	L.GetGlobal("math").(*glua.LTable).RawSetString("huge", glua.LNumber(math.Inf(1)))
	L.SetGlobal("tonumber", L.NewFunction(baseToNumber))
	rawset := L.GetGlobal("rawset").(*glua.LFunction).GFunction
	L.SetGlobal("rawset", L.NewFunction(func(L *glua.LState) int {
		rawset(L)
		L.Push(L.Get(1))
		return 1
	}))
}

func baseToNumber(L *glua.LState) int {
	if L.GetTop() == 0 {
		L.RaiseError("tonumber: argument 1 (value): value expected, got nothing")
	}
	base := wholeArg(L, 2, "tonumber", "base", 10)
	if base < 2 || base > 36 {
		L.RaiseError("tonumber: argument 2 (base): from 2 to 36 expected, got %d", base)
	}
	n, ok := 0.0, false
	switch v := L.Get(1).(type) {
	case glua.LNumber:
		n, ok = float64(v), base == 10
		if !ok {
			n, ok = parseInteger(formatNumber(float64(v)), base)
		}
	case glua.LString:
		if base == 10 {
			n, ok = parseNumber(string(v))
		} else {
			n, ok = parseInteger(string(v), base)
		}
	}
	if !ok {
		L.Push(glua.LNil)
		return 1
	}
	L.Push(glua.LNumber(n))
	return 1
}

// parseNumber reads a numeral as C Lua does: decimal with fraction and exponent, or a whole number in hexadecimal, with
// white space around it. Go's underscores, "inf" and "nan" are not numerals.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		return parseInteger(s, 16)
	}
	if strings.ContainsAny(s, "_iInNxXpP") {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil || math.IsInf(n, 0)
}

func parseInteger(s string, base int) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	s, negative := strings.CutPrefix(s, "-")
	if !negative {
		s = strings.TrimPrefix(s, "+")
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil || strings.Contains(s, "_") || strings.HasPrefix(s, "+") {
		return 0, false
	}
	if negative {
		return -float64(n), true
	}
	return float64(n), true
}

// lineAt is the line of the function so many levels above the running one, or "" if that is not one of Lua's. The Go
// function that called into a thread is a level too: it is the innermost of the thread outside. A tail call is a level
// without a line, as in C Lua; gopher-lua's GetStack answers with the outermost frame there.
func (f *flow) lineAt(level int) string {
	for i := len(f.threads) - 1; i >= 0; i-- {
		L := f.threads[i]
		var levels []*glua.Debug
		for dbg, ok := L.GetStack(0); ok; dbg, ok = L.GetStack(len(levels)) {
			levels = append(levels, dbg)
		}
		if level >= len(levels) {
			level -= len(levels)
			continue
		}
		last := frameOf(levels[len(levels)-1])
		outermost := len(levels) - 1 - int(last.Elem().FieldByName("TailCall").Int())
		if level != outermost && frameOf(levels[level]).Pointer() == last.Pointer() {
			return ""
		}
		return lineOf(L, levels[level])
	}
	return ""
}

// frameOf is the call frame, which gopher-lua keeps to itself; it is only looked at.
func frameOf(dbg *glua.Debug) reflect.Value { return reflect.ValueOf(dbg).Elem().FieldByName("frame") }
