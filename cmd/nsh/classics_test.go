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
	files, err := filepath.Glob(filepath.Join(root, "docs/classics/*.lua"))
	if err != nil || len(files) < 9 {
		t.Fatalf("%d classics, %v", len(files), err)
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
			if n := strings.Count(string(text), "\n"); n >= 60 {
				t.Errorf("%d lines do not fit on a screen; fewer than 60 do", n)
			}
			if !strings.Contains(string(list), "(classics/"+name+")") {
				t.Error("docs/README.md does not list it")
			}
			for _, start := range []struct{ args, typed string }{{"", ""}, {"--host", "typed in class\n"}} {
				args := append(strings.Fields(start.args), "docs/classics/"+name)
				out, errs, code := nsh(t, root, start.typed, args...)
				switch {
				case code == exitSkipped && name == "select_limit.lua":
					t.Logf("nsh %v: %s", args, errs) // descriptors are what the machine allows its users
				case code != 0 || errs != "" || !strings.Contains(out, "ok   "):
					t.Errorf("nsh %v: exit code %d\n%s%s", args, code, out, errs)
				case strings.Contains(string(text), "sys.stdin") && start.typed != "" && !strings.Contains(out, "typed: typed in class"):
					t.Errorf("nsh %v did not see what was typed:\n%s", args, out)
				}
			}
		})
	}
}

// exitSkipped is the exit code of a script that cannot run here.
const exitSkipped = 77
