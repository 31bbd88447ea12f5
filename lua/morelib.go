package lua

import glua "github.com/yuin/gopher-lua"

// openMore makes what Lua 5.1 lacks and people miss: table.pack, table.unpack, table.move, bit and utf8. It is Go, since
// a library in Lua would have to be compiled at each start.
func (w *World) openMore() {
	tb := w.seed.GetGlobal("table").(*glua.LTable)
	tb.RawSetString("pack", w.seed.NewFunction(tabPack))
	tb.RawSetString("unpack", w.seed.GetGlobal("unpack"))
	tb.RawSetString("move", w.seed.NewFunction(tabMove))
	w.openBit()
	w.openUTF8()
}

// setArg makes the table arg: the script's name at 0, its arguments from 1.
func (w *World) setArg() {
	arg := w.seed.CreateTable(0, 4)
	for i, a := range w.cfg.Args {
		arg.RawSetInt(i+1, glua.LString(a))
	}
	if w.cfg.Script != "" {
		arg.RawSetH(glua.LNumber(0), glua.LString(w.cfg.Script))
	}
	w.seed.SetGlobal("arg", arg)
}

func tabPack(L *glua.LState) int {
	n := L.GetTop()
	tb := L.CreateTable(n, 1)
	for i := 1; i <= n; i++ {
		tb.RawSetInt(i, L.Get(i))
	}
	tb.RawSetString("n", glua.LNumber(n))
	L.Push(tb)
	return 1
}

// moveUnit is how many elements are moved between two looks at the run's context.
const moveUnit = 1 << 12

func tabMove(L *glua.LState) int {
	const fn = "table.move"
	from, to := L.Get(1), L.Get(5)
	first, last, at := numberArg(L, 2, fn, "first"), numberArg(L, 3, fn, "last"), numberArg(L, 4, fn, "at")
	if to == glua.LNil {
		to = from
	}
	n := last - first
	step, begin := 1.0, 0.0
	if at > first { // the two may overlap
		step, begin = -1, n
	}
	for i, due := begin, 0; i >= 0 && i <= n; i += step {
		L.SetTable(to, glua.LNumber(at+i), L.GetTable(from, glua.LNumber(first+i)))
		if due++; due == moveUnit {
			due = 0
			stopIfDone(L)
		}
	}
	L.Push(to)
	return 1
}
