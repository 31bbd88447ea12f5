package lua

import (
	"fmt"
	"regexp"
	"sync"

	glua "github.com/yuin/gopher-lua"
)

// A step is how one object was reached from another.
type step struct {
	kind   stepKind
	parent int // the object it starts from
	name   string
	key    glua.LValue
}

type stepKind uint8

const (
	byRoot    stepKind = iota // name: what the script calls the function
	byUpvalue                 // name: of the local variable
	byCell                    // the variable's value
	byGlobal                  // name: of the global; parent: the function that names it, or -1
	byField                   // key
	byKey                     // it is a key itself
	byMeta                    // the metatable
	byEnv                     // the environment, from setfenv
)

// way is how something was reached, in words: "upvalue 'conn' of handler", or "t.x[3] (upvalue 't' of handler)".
func (z *freezer) way(by step) string {
	expr, where := z.expression(by)
	switch {
	case where == "":
		return expr
	case by.kind == byUpvalue || by.kind == byGlobal || by.kind == byCell:
		return where
	}
	return expr + " (" + where + ")"
}

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// maxWay bounds the expressions of messages.
const maxWay = 12

func (z *freezer) expression(by step) (expr, where string) { return z.steps(by, 0) }

func (z *freezer) steps(by step, depth int) (expr, where string) {
	if depth > maxWay {
		return "…", "deep inside"
	}
	switch by.kind {
	case byRoot:
		return by.name, ""
	case byUpvalue:
		return by.name, fmt.Sprintf("upvalue '%s' of %s", by.name, z.called(by.parent))
	case byGlobal:
		if by.parent < 0 {
			return by.name, fmt.Sprintf("global '%s'", by.name)
		}
		return by.name, fmt.Sprintf("global '%s', named in %s", by.name, z.called(by.parent))
	}
	expr, where = z.steps(z.objects[by.parent].by, depth+1)
	if by.kind != byCell {
		if fn, ok := z.objects[by.parent].v.(*glua.LFunction); ok && fn.Proto != nil {
			expr = z.called(by.parent)
		}
	}
	switch by.kind {
	case byField:
		if s, ok := by.key.(glua.LString); ok && plainName().MatchString(string(s)) {
			return expr + "." + string(s), where
		}
		return expr + "[" + describe(by.key) + "]", where
	case byKey:
		return "a key of " + expr, where
	case byMeta:
		return "getmetatable(" + expr + ")", where
	case byEnv:
		return "the environment of " + expr, ""
	}
	return expr, where
}

// called is what messages call a function.
func (z *freezer) called(i int) string {
	o := z.objects[i]
	if o.by.kind == byRoot {
		return o.by.name
	}
	if fn, ok := o.v.(*glua.LFunction); ok && fn.Proto != nil {
		return fmt.Sprintf("function at %s:%d", fn.Proto.SourceName, fn.Proto.LineDefined)
	}
	return "a function"
}

// what a value is, for who cannot have it copied.
func what(v glua.LValue) string {
	switch v.(type) {
	case *thread:
		return "a coroutine, which is in the middle of something"
	case glua.LChannel:
		return "a channel"
	}
	name := typeName(v)
	if name == "userdata" {
		return "an object of nsh's own"
	}
	article := "a "
	switch name[0] {
	case 'A', 'E', 'I', 'O', 'U':
		article = "an "
	}
	return article + name
}
