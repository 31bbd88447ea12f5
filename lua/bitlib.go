package lua

import (
	"fmt"
	"math"

	glua "github.com/yuin/gopher-lua"
)

// openBit makes bit: numbers are taken modulo 2^32, and results are from 0 to 2^32 - 1.
func (w *World) openBit() {
	tb := w.seed.CreateTable(0, 8)
	for _, f := range []struct {
		name string
		call glua.LGFunction
	}{
		{"band", bitFold("bit.band", func(a, b uint32) uint32 { return a & b })},
		{"bor", bitFold("bit.bor", func(a, b uint32) uint32 { return a | b })},
		{"bxor", bitFold("bit.bxor", func(a, b uint32) uint32 { return a ^ b })},
		{"bnot", bitNot}, {"lshift", bitLeft}, {"rshift", bitRight}, {"tohex", bitHex},
	} {
		tb.RawSetString(f.name, w.seed.NewFunction(f.call))
	}
	w.seed.SetGlobal("bit", tb)
}

const two32 = 1 << 32

// bitArg is a whole number modulo 2^32.
func bitArg(L *glua.LState, n int, fn string) uint32 {
	x, ok := L.Get(n).(glua.LNumber)
	whole := math.Mod(float64(x), two32)
	if !ok || whole != math.Trunc(whole) { // no number is not itself, either
		L.RaiseError("%s: argument %d: whole number expected, got %s", fn, n, toText(L, L.Get(n)))
	}
	return uint32(int64(whole))
}

func bitFold(fn string, fold func(a, b uint32) uint32) glua.LGFunction {
	return func(L *glua.LState) int {
		acc := bitArg(L, 1, fn)
		for i := 2; i <= L.GetTop(); i++ {
			acc = fold(acc, bitArg(L, i, fn))
		}
		L.Push(glua.LNumber(acc))
		return 1
	}
}

func bitNot(L *glua.LState) int {
	L.Push(glua.LNumber(^bitArg(L, 1, "bit.bnot")))
	return 1
}

func bitLeft(L *glua.LState) int {
	x, n := bitArg(L, 1, "bit.lshift"), numberArg(L, 2, "bit.lshift", "n")
	L.Push(glua.LNumber(math.Mod(float64(x)*math.Pow(2, n), two32)))
	return 1
}

func bitRight(L *glua.LState) int {
	x, n := bitArg(L, 1, "bit.rshift"), numberArg(L, 2, "bit.rshift", "n")
	L.Push(glua.LNumber(math.Floor(float64(x) / math.Pow(2, n))))
	return 1
}

func bitHex(L *glua.LState) int {
	x, digits := bitArg(L, 1, "bit.tohex"), wholeArg(L, 2, "bit.tohex", "digits", 8)
	if digits < 0 || digits > 99 {
		L.RaiseError("bit.tohex: argument 2 (digits): from 0 to 99 expected, got %d", digits)
	}
	L.Push(glua.LString(fmt.Sprintf("%0*x", digits, x)))
	return 1
}
