package lua

import (
	"reflect"

	glua "github.com/yuin/gopher-lua"
)

// A mold makes Lua threads like a pattern, which never runs. So does gopher-lua's NewThread, but it makes globals for each
// first, and drops them: 7 KB of garbage. What a thread must not share with the pattern are its registers and its call
// frames, which gopher-lua keeps to itself: they are found by their names, and where those are others NewThread has to do.
//
// All threads of a mold take the memory for their numbers from one place; the holder of the baton has it.
type mold struct {
	pattern *glua.LState
	fits    bool
}

// moldOf makes a mold for threads of a size.
func (w *World) moldOf(registers, growth, frames int) *mold {
	usual := w.seed.Options
	o := &w.seed.Options
	o.RegistrySize, o.RegistryGrowStep, o.CallStackSize = registers, growth, frames
	pattern, _ := w.seed.NewThread()
	w.seed.Options = usual
	pattern.Panic = throw
	m := &mold{pattern: pattern}
	m.fits = m.try()
	return m
}

// try says whether the pattern is made as this expects.
func (m *mold) try() (fits bool) {
	defer func() { recover() }()
	th := m.cast()
	th.Push(glua.LTrue)
	return th.GetTop() == 1 && m.pattern.GetTop() == 0
}

func (m *mold) thread() *glua.LState {
	if m.fits {
		return m.cast()
	}
	th, _ := m.pattern.NewThread()
	th.Panic = throw
	return th
}

func (m *mold) cast() *glua.LState {
	th := new(glua.LState)
	*th = *m.pattern
	v := reflect.ValueOf(th).Elem()
	reg, stack := private(v, "reg"), private(v, "stack")
	registers := reflect.New(reg.Type().Elem())
	registers.Elem().Set(reg.Elem())
	reg.Set(registers)
	private(registers.Elem(), "array").Set(reflect.ValueOf(make([]glua.LValue, m.pattern.Options.RegistrySize)))
	private(registers.Elem(), "handler").Set(reflect.ValueOf(th))
	frames := reflect.New(stack.Elem().Type().Elem())
	segments := private(frames.Elem(), "segments")
	n := (m.pattern.Options.CallStackSize + glua.FramesPerSegment - 1) / glua.FramesPerSegment
	segments.Set(reflect.MakeSlice(segments.Type(), n, n))
	segments.Index(0).Set(reflect.New(segments.Type().Elem().Elem()))
	stack.Set(frames)
	return th
}

// private is a field of another package's struct.
func private(of reflect.Value, name string) reflect.Value {
	f := of.FieldByName(name)
	return reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem()
}

// A threadPool is Lua threads of one size: those that are idle, and the mold for more. The holder of the baton has it.
type threadPool struct {
	registers, growth, frames int
	idle                      []*glua.LState
	mold                      *mold // nil before the first
}

const maxIdleThreads = 64

// take takes an idle one, or makes one.
func (p *threadPool) take(w *World) *glua.LState {
	if n := len(p.idle); n > 0 {
		th := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		return th
	}
	if p.mold == nil {
		p.mold = w.moldOf(p.registers, p.growth, p.frames)
	}
	return p.mold.thread()
}

// put takes one back that has done its work.
func (p *threadPool) put(th *glua.LState) {
	if len(p.idle) < maxIdleThreads {
		th.SetTop(0)
		th.RemoveContext()
		p.idle = append(p.idle, th)
	}
}
