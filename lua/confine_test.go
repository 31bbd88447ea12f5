package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A confined world reads below its script's folder, by every way there is, and does nothing else outside.
func TestConfine(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	for name, text := range map[string]string{
		"base/in.lua": "return 'inside'", "base/sub/deep.lua": "return 'deep'", "base/data.txt": "data\n", "out.lua": "return 'OUTSIDE'", "secret.txt": "OUTSIDE\n", "baseother/x.lua": "return 'OUTSIDE'",
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"base/link.txt": "../secret.txt", "base/linkdir": "..", "base/fine.txt": "data.txt", "base/linked.lua": "../out.lua"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SECRET", "OUTSIDE")
	out := &safeBuffer{}
	w, err := New(Config{Script: filepath.Join(base, "main.lua"), Confine: true, Stdout: out, Stderr: out})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := run(w, `base = ...`, base); err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{
		`return require "in"`, `return require "sub.deep"`, `return dofile(base .. "/in.lua")`, `return loadfile(base .. "/sub/deep.lua")()`,
		`return io.open(base .. "/data.txt"):read("*a")`, `for l in io.lines(base .. "/data.txt") do return l end`, `return io.open(base .. "/fine.txt", "rb"):read("*l")`,
		`return io.open(base .. "/sub/../data.txt"):read("*l")`,
	} {
		if v, err := run(w, src); err != nil || v[0].IsNil() {
			t.Errorf("%s: %v %v", src, v, err)
		}
	}
	for _, src := range []string{
		`return io.open(base .. "/../secret.txt"):read("*a")`, `return io.open("/etc/passwd"):read("*l")`, `return io.open(base .. "/link.txt"):read("*a")`,
		`return io.open(base .. "/linkdir/secret.txt"):read("*a")`, `for l in io.lines(base .. "/link.txt") do return l end`, `for l in io.lines("/etc/passwd") do return l end`,
		`return dofile(base .. "/../out.lua")`, `return loadfile(base .. "/linked.lua")()`, `return dofile(base .. "/linkdir/out.lua")`, `return loadfile("/etc/passwd")`,
		`return require "linked"`, `return require "linkdir.out"`, `package.path = base .. "/../?.lua" return require "out"`, `package.path = base .. "other/?.lua" return require "x"`,
		`return os.getenv("SECRET")`, `return os.execute("echo OUTSIDE")`, `return io.popen("echo OUTSIDE"):read("*a")`, `return os.remove(base .. "/data.txt")`,
		`return os.rename(base .. "/data.txt", base .. "/moved")`, `return os.tmpname()`, `return io.tmpfile()`, `return io.output(base .. "/w")`, `return io.input("/etc/passwd")`,
		`return io.open(base .. "/w", "w")`, `return io.open(base .. "/data.txt", "a")`, `return io.open(base .. "/data.txt", "r+")`, `return io.open(base .. "/missing")`,
		`return io.lines(base .. "/../secret.txt")()`, `return io.open(base .. "/data.txt", "r"):write("x")`, `return os.setenv and os.setenv("x", "y")`,
	} {
		v, err := run(w, src)
		if err == nil && len(v) > 0 && v[0].Truth() {
			t.Errorf("%s: %v", src, v)
		}
		if err != nil && (strings.Contains(err.Error(), "OUTSIDE") || strings.Contains(err.Error(), "root:")) {
			t.Errorf("%s: the message tells what is in the file: %v", src, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(base, "data.txt")); err != nil || string(data) != "data\n" {
		t.Errorf("data.txt is now %q, %v", data, err)
	}
	if entries, _ := os.ReadDir(base); len(entries) != 7 {
		t.Errorf("the folder has %d entries, there were 7: %v", len(entries), entries)
	}
}
