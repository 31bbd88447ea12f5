package shell

import (
	"fmt"
	"io"
	"sync"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// A helper is the function help: a module of the shell's own, which explains all modules, itself included.
type helper struct {
	index   func() *lua.Index // read at the first call
	modules []lua.Module      // all that there are
	out     io.Writer
	width   func() int // of what is read on; nil where nobody looks
}

// newHelper declares help beside the other modules.
func newHelper(set *plugins.Set) *helper {
	h := &helper{}
	own := h.module()
	h.modules = append(set.Modules(), own)
	h.index = sync.OnceValue(func() *lua.Index {
		x, err := set.Index().With(own)
		if err != nil {
			panic(err)
		}
		return x
	})
	return h
}

func (h *helper) module() lua.Module {
	return lua.Module{Funcs: []lua.Func{{
		Name: "help", Params: "[what]", Call: h.help,
		Doc:     "Explains what there is, a function, a value's type, or the thing with that name.",
		Example: `help("help")`,
	}}}
}

func (h *helper) help(env *lua.Env, what lua.Value) {
	io.WriteString(h.out, h.page(env.World(), what))
}

// page answers what is asked; not to know a name is an answer, too.
func (h *helper) page(w *lua.World, what lua.Value) string {
	width := helpWidth
	if h.width != nil {
		width = max(min(h.width(), helpWidth), leastHelp)
	}
	if what.IsNil() {
		return frontPage(h.index(), width)
	}
	path, isText := what.Text()
	if !isText {
		path = w.DeclHeld(what)
	}
	if e := h.index().Find(path); e != nil && path != "" {
		return helpPage(e, width)
	}
	if !isText {
		return fmt.Sprintf("A %s that nsh has no page for: made by a script, or Lua's own\n"+
			"(www.lua.org/manual/5.1). help() lists what there is.\n", what.TypeName())
	}
	if near := h.index().Meant(path); near != "" {
		return fmt.Sprintf("No page for '%s', did you mean '%s'?\n", show.Escape(path), near)
	}
	return fmt.Sprintf("No page for '%s'. help() lists what there is.\n", show.Escape(path))
}
