package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLuaModels grades each of docs/models with the suite that nsh's own models pass: every row that applies holds.
func TestLuaModels(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs/models/*.lua"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d models, %v", len(files), err)
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
			if n := strings.Count(string(text), "\n"); n >= 80 {
				t.Errorf("%d lines; fewer than 80 are an engine that can be read", n)
			}
			if !strings.Contains(string(list), "(models/"+name+")") {
				t.Error("docs/README.md does not list it")
			}
			// Not as a program: on a machine that does other things a row may need more than the ten seconds that it has there.
			out, errs, code := nsh(t, root, "", "--host", "-e", `assert(loadfile("docs/models/`+name+`"))("required")
local t = server.test("my-`+strings.TrimSuffix(name, ".lua")+`", {timeout = 40})
print(t)
os.exit(t.failed == 0 and t.held >= 14 and 0 or 1)`)
			if code != 0 || errs != "" || !strings.Contains(out, "ok   send across\n") || !strings.Contains(out, "14 of 14 rows hold") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestLuaModelAsProgram: a model's file, run as a program in a network of its own, grades itself.
func TestLuaModelAsProgram(t *testing.T) {
	out, errs, _ := nsh(t, root, "", "docs/models/epoll.lua")
	for _, want := range []string{"ok   echo\n", "skip datagrams: ", "rows that do not hold"} {
		if !strings.Contains(out, want) || errs != "" {
			t.Fatalf("%s%s\nwanted: %s", out, errs, want)
		}
	}
}

// TestModelsOfTheGuide grades the engines that docs/models.md has in three lines each.
func TestModelsOfTheGuide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/models.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```lua\nrun = function(listener, handler)")
	block, _, ok := strings.Cut(after, "```")
	if !ok || strings.Count(block, "run = function") != 2 {
		t.Fatalf("docs/models.md has no such block: %s", block)
	}
	engines := strings.ReplaceAll("run = function(listener, handler)"+block, "run = function", "engines[#engines + 1] = function")
	out, errs, code := nsh(t, root, "", "-e", `engines = {} `+engines+`
for i, at_once in ipairs{1, 0, 4} do
  server.define("mine-" .. i, {style = "linear", at_once = at_once, run = engines[i]})
  local t = server.test("mine-" .. i, {timeout = 40})
  if t.failed > 0 or t.held < 13 then os.exit(1) end
end
os.exit(#engines - 3)`)
	if code != 0 || errs != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
