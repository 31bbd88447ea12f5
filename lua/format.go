package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// strFormat is C Lua's string.format: the directives of printf, width and precision of two digits at most.
func strFormat(L *glua.LState) int {
	const fn = "string.format"
	f := textArg(L, 1, fn, "format")
	b, arg := newBuilder(L, fn), 1
	for {
		i := strings.IndexByte(f, '%')
		if i < 0 {
			b.add(f)
			break
		}
		b.add(f[:i])
		f = f[i+1:]
		if strings.HasPrefix(f, "%") {
			b.add("%")
			f = f[1:]
			continue
		}
		n := 0
		for n < len(f) && strings.IndexByte("-+ #0123456789.", f[n]) >= 0 {
			n++
		}
		if n >= len(f) {
			L.RaiseError("%s: argument 1 (format): ends in the middle of a directive", fn)
		}
		flags, verb := f[:n], f[n]
		f = f[n+1:]
		checkFlags(L, fn, flags)
		arg++
		if arg > L.GetTop() {
			L.RaiseError("%s: argument %d: value for %%%s%c expected, got nothing", fn, arg, flags, verb)
		}
		b.add(directive(L, fn, flags, verb, arg))
	}
	L.Push(b.text())
	return 1
}

func checkFlags(L *glua.LState, fn, flags string) {
	digits, dots := 0, 0
	for i := 0; i < len(flags); i++ {
		switch c := flags[i]; {
		case c == '.':
			dots++
			digits = 0
		case c >= '0' && c <= '9':
			digits++
		default:
			digits = 0
		}
		if digits > 3 || dots > 1 || digits == 3 && flags[i-2] != '0' {
			L.RaiseError("%s: argument 1 (format): width or precision too long", fn)
		}
	}
}

func directive(L *glua.LState, fn, flags string, verb byte, arg int) string {
	number := func() float64 {
		switch v := L.Get(arg).(type) {
		case glua.LNumber:
			return float64(v)
		case glua.LString:
			if n, ok := parseNumber(string(v)); ok {
				return n
			}
		}
		L.RaiseError("%s: argument %d: number expected for %%%s%c, got %s", fn, arg, flags, verb, describe(L.Get(arg)))
		return 0
	}
	switch verb {
	case 'd', 'i':
		n := number()
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return pad(flags, formatNumber(n))
		}
		return fmt.Sprintf("%"+flags+"d", int64(n))
	case 'c':
		return pad(flags, string([]byte{byte(number())}))
	case 'u', 'x', 'X', 'o':
		n, v := number(), verb
		if v == 'u' {
			v = 'd'
		}
		u := uint64(n)
		if n < 0 {
			u = uint64(int64(n))
		}
		if u == 0 {
			flags = strings.ReplaceAll(flags, "#", "") // C writes no 0x before 0
		}
		return fmt.Sprintf("%"+strings.Trim(flags, "+ ")+string(v), u)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		n := number()
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return pad(flags, formatNumber(n))
		}
		if (verb == 'g' || verb == 'G') && !strings.Contains(flags, ".") {
			flags += ".6"
		}
		return fmt.Sprintf("%"+flags+string(verb), n)
	case 'q':
		return quoteLua(textArg(L, arg, fn, "value"))
	case 's':
		s := toText(L, L.Get(arg))
		if _, precision, ok := strings.Cut(flags, "."); ok {
			n, _ := strconv.Atoi(precision)
			s = s[:min(n, len(s))]
		}
		return pad(flags, s)
	}
	L.RaiseError("%s: argument 1 (format): unknown directive %%%s%c", fn, flags, verb)
	return ""
}

// pad makes a text as wide as the flags say, counted in bytes as C does.
func pad(flags, s string) string {
	width, _, _ := strings.Cut(strings.TrimLeft(flags, "-+ #0"), ".")
	n, _ := strconv.Atoi(width)
	fill := strings.Repeat(" ", max(n-len(s), 0))
	left, _, _ := strings.Cut(flags, ".")
	if strings.Contains(left, "-") {
		return s + fill
	}
	return fill + s
}

// quoteLua writes a string so that Lua reads it back.
func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n': // a newline after a backslash, as C Lua writes it
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// toText is tostring(v).
func toText(L *glua.LState, v glua.LValue) string {
	if n, ok := v.(glua.LNumber); ok {
		return formatNumber(float64(n))
	}
	return L.ToStringMeta(v).String()
}
