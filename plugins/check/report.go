package check

import (
	"strings"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// A finding is a check that failed.
type finding struct {
	what, where string
	saw, wanted string
}

// held prints a check that holds, when the script gave it a text.
func held(env *lua.Env, what string) {
	if what != "" {
		env.World().Println("ok   " + what)
	}
}

// report prints and counts. Short values stand in the line, others below it.
func (f *finding) report(env *lua.Env) {
	head := "FAIL " + f.what
	where := ""
	if f.where != "" {
		where = "  (" + f.where + ")"
	}
	const room = 72
	if len(f.saw)+len(f.wanted) <= room && !strings.Contains(f.saw+f.wanted, "\n") {
		line := head + ": saw " + f.saw
		if f.wanted != "" {
			line += ", wanted " + f.wanted
		}
		env.World().Fail(line + where)
		return
	}
	lines := head + where + "\n" + block("saw", f.saw)
	if f.wanted != "" {
		lines += "\n" + block("wanted", f.wanted)
	}
	env.World().Fail(lines)
}

// block is a value below its name, all of it further to the right.
func block(name, value string) string {
	const margin = "     "
	pad := margin + strings.Repeat(" ", 8)
	first := margin + name + strings.Repeat(" ", 8-len(name))
	return first + strings.ReplaceAll(value, "\n", "\n"+pad)
}

// text lays a value out; strings are in quotes, so that "1" and 1 look different.
func text(n show.Node) string {
	return show.Text(n, show.Options{Width: 100, Items: 50, Quote: true})
}
