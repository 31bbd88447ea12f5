package lua

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// A plan is a declaration's signature, compiled once.
type plan struct {
	fn       reflect.Value
	slots    []slot // one per Go parameter
	params   []param
	variadic bool
	blocks   bool
	hasErr   bool
	outs     int // results before the error
	self     bool
}

type slotKind uint8

const (
	slotContext slotKind = iota
	slotEnv
	slotSelf
	slotArg
)

type slot struct {
	kind slotKind
	typ  reflect.Type
	arg  int
}

// A param is one Lua argument.
type param struct {
	name     string
	optional bool
	conv     *converter
	typ      reflect.Type
}

var (
	contextType = reflect.TypeFor[context.Context]()
	envType     = reflect.TypeFor[*Env]()
)

// compile reads a declaration. self is the receiver's type of a method, or nil.
func compile(f *Func, self reflect.Type) (*plan, error) {
	fn := reflect.ValueOf(f.Call)
	if fn.Kind() != reflect.Func {
		return nil, fmt.Errorf("its Call is %T, not a function", f.Call)
	}
	if self != nil && self.Kind() == reflect.Struct {
		return nil, fmt.Errorf("%s is a plain record; only objects, and records whose names only the world knows, have methods", self)
	}
	isRecord := self != nil && self.Kind() != reflect.Pointer // a method of which has the table itself, as a Value
	t := fn.Type()
	p := &plan{fn: fn, variadic: t.IsVariadic(), self: self != nil}
	names := paramNames(f.Params)
	for i := 0; i < t.NumIn(); i++ {
		in := t.In(i)
		switch {
		case in == contextType && len(p.params) == 0:
			p.blocks = true
			p.slots = append(p.slots, slot{kind: slotContext, typ: in})
			continue
		case in == envType:
			p.slots = append(p.slots, slot{kind: slotEnv, typ: in})
			continue
		case self != nil && (in == self || isRecord && in == valueType) && !p.hasSelf():
			p.slots = append(p.slots, slot{kind: slotSelf, typ: in})
			continue
		}
		if len(names) <= len(p.params) {
			return nil, fmt.Errorf("its Params %q name %d parameters, the function has more", f.Params, len(names))
		}
		if p.variadic && i == t.NumIn()-1 {
			in = in.Elem()
		}
		conv, err := converterOf(in)
		if err != nil {
			return nil, err
		}
		n := names[len(p.params)]
		p.slots = append(p.slots, slot{kind: slotArg, typ: in, arg: len(p.params)})
		p.params = append(p.params, param{name: n.name, optional: n.optional, conv: conv, typ: in})
	}
	if len(names) != len(p.params) {
		return nil, fmt.Errorf("its Params %q name %d parameters, the function has %d", f.Params, len(names), len(p.params))
	}
	if self != nil && !p.hasSelf() {
		return nil, fmt.Errorf("a method of %s does not take one", self)
	}
	p.outs = t.NumOut()
	if p.outs > 0 && t.Out(p.outs-1) == errorType {
		p.hasErr = true
		p.outs--
	}
	if n := len(p.params); n > 0 && p.params[n-1].typ.Kind() == reflect.Struct && p.params[n-1].typ != valueType && p.params[n-1].typ != callbackType {
		p.params[n-1].optional = true
	}
	return p, nil
}

func (p *plan) hasSelf() bool {
	for _, s := range p.slots {
		if s.kind == slotSelf {
			return true
		}
	}
	return false
}

type paramName struct {
	name     string
	optional bool
}

// paramNames reads "name, [n], ...".
func paramNames(s string) []paramName {
	var out []paramName
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		bare := strings.Trim(part, "[] ")
		out = append(out, paramName{name: bare, optional: bare != part || bare == "..."})
	}
	return out
}
