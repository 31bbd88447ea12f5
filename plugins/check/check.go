// Package check is the plugin with which a script says what must hold. A check that fails is printed with what was
// seen and counted, and the script goes on: its exit code is 1 in the end.
package check

import (
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// exitSkip is the exit code of a script that cannot run here, as automake and many runners of tests have it.
const exitSkip = 77

const about = "Says what must hold; a failed check is printed with what was seen, counted, and the script goes on."

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "check",
		Doc:  about,
		Modules: []lua.Module{{
			Name: "check",
			Doc:  about,
			Funcs: []lua.Func{
				{
					Name: "", Params: "condition, [what]", Returns: "boolean", Call: check,
					Doc: `Says that a condition must hold, and what it means.

It holds when it is neither false nor nil. With a text, a line "ok" or "FAIL" is printed; without one only a failure is.
The script's exit code is 1 when a check failed.`,
					Example: `check(1 + 1 == 2, "one and one is two")  --> ok   one and one is two
check(true)`,
				},
				{
					Name: "equal", Params: "got, wanted, [what]", Returns: "boolean", Call: equal,
					Doc: `Says that two values must be equal.

Tables are equal when they have equal values under the same keys, however deep; a number and a string never are. When
they are not, both are printed.`,
					Example: `check.equal({1, {x = 2}}, {1, {x = 2}}, "tables by what is in them")  --> ok   tables by what is in them
check.equal(2, 2)`,
				},
				{
					Name: "within", Params: "seconds, f, [what]", Returns: "boolean", Call: within,
					Doc: `Says that a function must return something true within so many seconds.

It is called every 10 ms until it does. Its second result is shown as what was seen when it never did.`,
					Example: `local n = 0
check.within(5, function() n = n + 1 return n == 3, n end, "it counts to three")  --> ok   it counts to three`,
				},
			},
		}, {
			Name: "",
			Funcs: []lua.Func{{
				Name: "skip", Params: "why", Call: skip,
				Doc: `Ends the script because it cannot run here.

The reason is printed, what is open is closed, and the exit code is 77, which is neither success nor failure.`,
				Example: `if not sock then skip("no sockets on this machine") end`,
			}},
		}},
	}
}

// check keeps the baton: nothing happens between what was seen and the line that says so.
func check(env *lua.Env, condition lua.Value, what string) bool {
	if condition.Truth() {
		held(env, what)
		return true
	}
	v := finding{what: what, where: env.Where()}
	if what == "" {
		v.what = "check"
	}
	v.saw = text(env.World().Look(condition))
	v.report(env)
	return false
}

func equal(env *lua.Env, got, wanted lua.Value, what string) bool {
	w := env.World()
	if w.Equal(got, wanted) {
		held(env, what)
		return true
	}
	v := finding{what: what, where: env.Where(), saw: text(w.Look(got)), wanted: text(w.Look(wanted))}
	if what == "" {
		v.what = "check.equal"
	}
	if v.saw == v.wanted {
		v.saw += " (" + got.TypeName() + ")"
		v.wanted += " (" + wanted.TypeName() + ")"
	}
	v.report(env)
	return false
}

func skip(why string) error {
	if why == "" {
		return lua.Misusef("why", "is empty: say what is missing")
	}
	return lua.Exit(exitSkip, "skipped: "+why)
}
