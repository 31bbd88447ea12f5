package lua

import (
	"fmt"
	"reflect"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// named says, as C Lua does, what it was that was called or indexed in vain, where gopher-lua's message does not (a call) or
// names the key instead (an index); and what was probably meant. The thread is as it was when the error was raised.
func named(th *glua.LState, message string) string {
	const call, index = "attempt to call a non-function object", "attempt to index a non-table object("
	at := strings.LastIndex(message, call)
	if at < 0 {
		at = strings.LastIndex(message, index)
	}
	if at < 0 {
		return message
	}
	dbg, ok := th.GetStack(0)
	if !ok {
		return message
	}
	got, err := th.GetInfo("f", dbg, glua.LNil)
	fn, isFunction := got.(*glua.LFunction)
	if err != nil || !isFunction || fn.Proto == nil {
		return message // a function of Go's has no instructions
	}
	// The frame is not exported; its counter, which is one instruction ahead, is all that is read.
	pc := int(reflect.ValueOf(dbg).Elem().FieldByName("frame").Elem().FieldByName("Pc").Int()) - 1
	if pc < 0 || pc >= len(fn.Proto.Code) {
		return message
	}
	c := &code{th: th, dbg: dbg, fn: fn, pc: pc}
	inst := instruction(fn.Proto.Code[pc])
	var said string
	switch op := inst.op(); {
	case strings.HasPrefix(message[at:], index):
		reg := inst.b()
		if op == glua.OP_SETTABLE || op == glua.OP_SETTABLEKS {
			reg = inst.a()
		}
		kind, _, _ := strings.Cut(message[at+len(index):], ")")
		if said = c.of(reg); said == "" {
			return message
		}
		said = "attempt to index a " + kind + " value" + said
	case op == glua.OP_TFORLOOP:
		said = "attempt to call a " + c.kind(inst.a()) + " value: 'for' takes an iterator, such as pairs(t)"
	case op == glua.OP_CALL || op == glua.OP_TAILCALL:
		said = "attempt to call a " + c.kind(inst.a()) + " value" + c.of(inst.a())
	default:
		return message
	}
	return message[:at] + said
}

// An instruction is laid out as gopher-lua's opcode.go says.
type instruction uint32

func (i instruction) op() int  { return int(i >> 26) }
func (i instruction) a() int   { return int(i>>18) & 0xff }
func (i instruction) b() int   { return int(i) & 0x1ff }
func (i instruction) c() int   { return int(i>>9) & 0x1ff }
func (i instruction) bx() int  { return int(i) & 0x3ffff }
func (i instruction) sbx() int { return i.bx() - 0x1ffff }

// code is a function of Lua's that has stopped at an instruction.
type code struct {
	th  *glua.LState
	dbg *glua.Debug
	fn  *glua.LFunction
	pc  int
}

// A place is where a value was taken from.
type place struct {
	kind  string // "global", "field", "method", "local", "upvalue"
	name  string
	path  string      // as the script may have written it: "client.load"
	owner string      // the path of what it is a field of, or ""
	among glua.LValue // the table it is a field of, if that is known
	value glua.LValue // nil is not known
}

// of describes what is in a register: " (global 'clinet'), did you mean 'client'?".
func (c *code) of(reg int) string {
	p, ok := c.place(reg, c.pc, 0)
	if !ok {
		return ""
	}
	said := fmt.Sprintf(" (%s '%s')", p.kind, clip(p.name))
	if near := nearest(p.name, fieldsOf(p.among)); near != "" && near != p.name {
		separator := "."
		switch {
		case p.owner == "":
			separator = ""
		case p.kind == "method":
			separator = ":"
		}
		said += ", did you mean '" + p.owner + separator + near + "'?"
	}
	return said
}

// local is the name of the local variable in a register, if that is known. (LFunction.LocalName leaves out the first and the
// last instruction that it is there for.)
func (c *code) local(reg, pc int) string {
	locals := c.fn.Proto.DbgLocals
	for _, l := range locals {
		// The end of a variable is noted at the place of its register in this list, and not at its own: where two have had
		// the same register, one has no end, and another a wrong one.
		if l.EndPc == 0 {
			return ""
		}
	}
	if reg < len(locals) && locals[reg].StartPc <= pc && pc <= locals[reg].EndPc {
		return locals[reg].Name
	}
	return ""
}

// passed says whether a jump leads past the instruction at from to one that is ahead of, or is, the one at pc.
func (c *code) passed(from, pc int) bool {
	for i, word := range c.fn.Proto.Code {
		switch inst := instruction(word); inst.op() {
		case glua.OP_JMP, glua.OP_FORLOOP, glua.OP_FORPREP:
			if to := i + 1 + inst.sbx(); from < to && to <= pc && (i < from || i > pc) {
				return true
			}
		}
	}
	return false
}

func (c *code) kind(reg int) string {
	_, v := c.th.GetLocal(c.dbg, reg+1)
	return v.Type().String()
}

// place finds where the value in a register came from, before the instruction at pc.
func (c *code) place(reg, pc, depth int) (p place, ok bool) {
	if depth > 4 {
		return p, false
	}
	if name := c.local(reg, pc); name != "" {
		_, v := c.th.GetLocal(c.dbg, reg+1)
		return place{kind: "local", name: name, path: name, value: v}, !strings.HasPrefix(name, "(")
	}
	at := pc
	for pc--; pc >= 0; pc-- {
		inst := instruction(c.fn.Proto.Code[pc])
		if !inst.sets(reg) {
			continue
		}
		if c.passed(pc, at) {
			return p, false
		}
		switch inst.op() {
		case glua.OP_MOVE, glua.OP_MOVEN:
			return c.place(inst.b(), pc, depth+1)
		case glua.OP_GETUPVAL:
			if i := inst.b(); i < len(c.fn.Proto.DbgUpvalues) && i < len(c.fn.Upvalues) {
				name := c.fn.Proto.DbgUpvalues[i]
				return place{kind: "upvalue", name: name, path: name, value: c.fn.Upvalues[i].Value()}, true
			}
		case glua.OP_GETGLOBAL:
			if name, isString := c.constant(inst.bx()); isString {
				return place{kind: "global", name: name, path: name, among: c.fn.Env, value: fieldOf(c.fn.Env, name)}, true
			}
		case glua.OP_GETTABLE, glua.OP_GETTABLEKS, glua.OP_SELF:
			const isConstant = 1 << 8
			name, isString := c.constant(inst.c() &^ isConstant)
			if inst.c()&isConstant == 0 || !isString || inst.op() == glua.OP_SELF && reg != inst.a() {
				return p, false
			}
			p = place{kind: "field", name: name, path: name}
			if inst.op() == glua.OP_SELF {
				p.kind = "method"
			}
			if owner, known := c.place(inst.b(), pc, depth+1); known {
				p.path, p.owner, p.among = owner.path+"."+name, owner.path, owner.value
				p.value = fieldOf(owner.value, name)
			}
			return p, true
		}
		return p, false
	}
	return p, false
}

// sets says whether an instruction puts something into a register, or whatever was there is lost.
func (i instruction) sets(reg int) bool {
	switch i.op() {
	case glua.OP_SETGLOBAL, glua.OP_SETUPVAL, glua.OP_SETTABLE, glua.OP_SETTABLEKS, glua.OP_JMP, glua.OP_EQ, glua.OP_LT, glua.OP_LE,
		glua.OP_TEST, glua.OP_RETURN, glua.OP_SETLIST, glua.OP_CLOSE, glua.OP_NOP:
		return false
	case glua.OP_LOADNIL:
		return i.a() <= reg && reg <= i.b()
	case glua.OP_SELF:
		return reg == i.a() || reg == i.a()+1
	case glua.OP_CALL, glua.OP_TAILCALL, glua.OP_VARARG, glua.OP_TFORLOOP, glua.OP_FORLOOP, glua.OP_FORPREP:
		return i.a() <= reg
	}
	return reg == i.a()
}

func (c *code) constant(i int) (string, bool) {
	if i >= len(c.fn.Proto.Constants) {
		return "", false
	}
	s, ok := c.fn.Proto.Constants[i].(glua.LString)
	return string(s), ok
}

// fieldOf is a table's, without asking its metatable; nil if it is no table.
func fieldOf(v glua.LValue, name string) glua.LValue {
	if t, ok := v.(*glua.LTable); ok {
		return t.RawGetString(name)
	}
	return nil
}

// fieldsOf are the names in a table that may have been meant.
func fieldsOf(v glua.LValue) (names []string) {
	left := 1000 // a script's own tables may be large
	t, ok := v.(*glua.LTable)
	if !ok {
		return nil
	}
	for k, _ := t.Next(glua.LNil); k != glua.LNil && left > 0; k, _ = t.Next(k) {
		left--
		if s, isString := k.(glua.LString); isString && len(s) <= 64 {
			names = append(names, string(s))
		}
	}
	return names
}
