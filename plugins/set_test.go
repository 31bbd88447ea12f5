package plugins_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A declaration that is wrong is told by Check, and by the call of it; a script that does not call it is not held up.
func TestWrongDeclaration(t *testing.T) {
	for why, f := range map[string]lua.Func{
		"name 2 parameters, the function has 1": {Name: "f", Params: "a, b", Doc: "d", Call: func(a int) int { return a }},
		"f has no Doc":                          {Name: "f", Params: "a", Call: func(a int) int { return a }},
	} {
		set, err := plugins.NewSet(plugins.Plugin{Name: "p", Doc: "d", Modules: []lua.Module{{Name: "m", Doc: "d", Funcs: []lua.Func{f}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Check(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Check: %v, wanted: %s", err, why)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("there is an Index of ", why)
				}
			}()
			set.Index()
		}()
		w, err := lua.New(lua.Config{Modules: set.Modules()})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for code, wrong := range map[string]bool{"return 1": false, "return m.f(1)": f.Doc != ""} {
			c, err := lua.Compile("t.lua", code)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Exec(context.Background(), c)
			if wrong != (err != nil) || wrong && !strings.Contains(err.Error(), "the declaration of m.f: ") {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
}
