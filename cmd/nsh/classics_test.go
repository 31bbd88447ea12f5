package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClassics runs each of docs/classics as somebody would who reads it in class, in a network of its own and in this
// machine's, with a line typed at the keyboard and with nothing there.
func TestClassics(t *testing.T) {
	t.Parallel()
	eachScript(t, "classics", 9, 60, func(t *testing.T, name, text string) {
		for _, start := range []struct{ args, typed string }{{"", ""}, {"--host", "typed in class\n"}} {
			args := append(strings.Fields(start.args), "docs/classics/"+name)
			out, errs, code := nsh(t, root, start.typed, args...)
			switch {
			case code == exitSkipped && name == "select_limit.lua":
				t.Logf("nsh %v: %s", args, errs) // descriptors are what the machine allows its users
			case code != 0 || errs != "" || !strings.Contains(out, "ok   "):
				t.Errorf("nsh %v: exit code %d\n%s%s", args, code, out, errs)
			case strings.Contains(text, "sys.stdin") && start.typed != "" && !strings.Contains(out, "typed: typed in class"):
				t.Errorf("nsh %v did not see what was typed:\n%s", args, out)
			}
		}
	})
}

// eachScript calls f with each script of a folder of docs, which has so many at the least, each shorter than so many lines,
// and all of them listed in docs/README.md.
func eachScript(t *testing.T, folder string, least, lines int, f func(t *testing.T, name, text string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", folder, "*.lua"))
	if err != nil || len(files) < least {
		t.Fatalf("%d scripts in docs/%s, %v", len(files), folder, err)
	}
	list, err := os.ReadFile(filepath.Join(root, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".lua"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n >= lines {
				t.Errorf("%d lines; fewer than %d can be read at once", n, lines)
			}
			if !strings.Contains(string(list), "("+folder+"/"+name+")") {
				t.Error("docs/README.md does not list it")
			}
			f(t, name, string(text))
		})
	}
}

// exitSkipped is the exit code of a script that cannot run here.
const exitSkipped = 77
