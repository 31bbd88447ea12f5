package lua

import glua "github.com/yuin/gopher-lua"

func (w *World) openUTF8() {
	tb := w.seed.CreateTable(0, 4)
	tb.RawSetString("charpattern", glua.LString("[%z\x01-\x7f\xc2-\xf4][\x80-\xbf]*"))
	tb.RawSetString("len", w.seed.NewFunction(utf8Len))
	tb.RawSetString("char", w.seed.NewFunction(utf8Char))
	w.seed.SetGlobal("utf8", tb)
}

// utf8Len is the number of characters, or nil and the position of the first byte that is not UTF-8. Go's own reading is
// stricter: it has no surrogates.
func utf8Len(L *glua.LState) int {
	s := textArg(L, 1, "utf8.len", "s")
	n, due := 0, 0
	for at := 0; at < len(s); n++ {
		size := utf8Size(s[at:])
		if size == 0 {
			L.Push(glua.LNil)
			L.Push(glua.LNumber(at + 1))
			return 2
		}
		at += size
		if due += size; due > chunkSize {
			due = 0
			stopIfDone(L)
		}
	}
	L.Push(glua.LNumber(n))
	return 1
}

// utf8Size is how long the character is that s begins with, or 0.
func utf8Size(s string) int {
	size := 0
	switch c := s[0]; {
	case c < 0x80:
		return 1
	case c >= 0xc2 && c < 0xe0:
		size = 2
	case c >= 0xe0 && c < 0xf0:
		size = 3
	case c >= 0xf0 && c < 0xf5:
		size = 4
	}
	if size > len(s) {
		return 0
	}
	for i := 1; i < size; i++ {
		if s[i]&0xc0 != 0x80 {
			return 0
		}
	}
	return size
}

// maxCode is what four bytes hold; Unicode ends before.
const maxCode = 1<<21 - 1

func utf8Char(L *glua.LState) int {
	var out []byte
	for i := 1; i <= L.GetTop(); i++ {
		c := wholeArg(L, i, "utf8.char", "code", required)
		switch {
		case c < 0 || c > maxCode:
			L.RaiseError("utf8.char: argument %d (code): from 0 to %d expected, got %d", i, maxCode, c)
		case c < 1<<7:
			out = append(out, byte(c))
		case c < 1<<11:
			out = append(out, 0xc0|byte(c>>6), tail(c))
		case c < 1<<16:
			out = append(out, 0xe0|byte(c>>12), tail(c>>6), tail(c))
		default:
			out = append(out, 0xf0|byte(c>>18), tail(c>>12), tail(c>>6), tail(c))
		}
	}
	L.Push(glua.LString(out))
	return 1
}

// tail is a byte that continues a character.
func tail(c int) byte { return 0x80 | byte(c&0x3f) }
