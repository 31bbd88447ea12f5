package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneFolder opens files of one folder by their last name, and refuses those that are called secret.
type oneFolder string

func (f oneFolder) Open(path string, flag int) (*os.File, error) {
	if filepath.Base(path) == "secret" {
		return nil, errOutside
	}
	file, err := os.OpenFile(filepath.Join(string(f), filepath.Base(path)), flag, 0o600)
	if err != nil {
		return nil, plainErr(err)
	}
	return file, nil
}

// TestHandedFiles runs Lua's own file functions on files that are opened elsewhere.
func TestHandedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "one\ntwo\n3.5 rest", "mod.lua": "return {x = 7}", "bad.lua": "x = = 1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := &safeBuffer{}
	w, err := New(Config{Confine: true, Files: oneFolder(dir), Stdout: out, Stderr: out})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for src, want := range map[string]string{
		`local f = io.open("a.txt") return f:read("*l") .. f:read("*L") .. f:read("*n")`:                                                            "onetwo\n3.5",
		`local n = 0 for l in io.lines("a.txt") do n = n + #l end return n`:                                                                         "14",
		`local n = 0 for l in io.open("a.txt"):lines() do n = n + 1 end return n`:                                                                   "3",
		`return io.open("a.txt", "rb"):read("*a"):len()`:                                                                                            "16",
		`return require("mod").x + dofile("mod.lua").x + loadfile("mod.lua")().x`:                                                                   "21",
		`local f = io.open("new", "w") f:write("ab", 1):write("c") f:close() return io.open("new"):read("*a")`:                                      "ab1c",
		`local f = io.open("new2", "w+") f:write("hello") f:seek("set", 1) local c = f:read(1) f:write("L") f:seek("set") return c .. f:read("*a")`: "eheLlo",
		`local f = io.open("new3", "a") f:write("x") f:close() f = io.open("new3", "a+") f:write("y") f:seek("set") return f:read("*a")`:            "xy",
		`return select(2, io.open("missing")).code .. select(2, io.open("secret")).code`:                                                            "ENOENTEACCES",
		`return select(2, pcall(io.open, "a.txt", "rw")):match("argument 2")`:                                                                       "argument 2",
		`local f = io.open("a.txt") f:close() return select(2, pcall(f.read, f)):match("File:read: the file is closed")`:                            "File:read: the file is closed",
		`local f = io.open("a.txt") return select(2, f:seek("end", -99)).code`:                                                                      "EINVAL",
		`return select(2, pcall(io.lines, "secret")):match("reads below") or "no"`:                                                                  "reads below",
		`return select(2, pcall(require, "bad")):match("bad.lua:1") or "no"`:                                                                        "bad.lua:1",
	} {
		v, err := run(w, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
		} else if text := strings.TrimSpace(v[0].String()); text != strings.TrimSpace(want) {
			t.Errorf("%s: %q", src, text)
		}
	}
	if _, err := w.OpenFile("secret", os.O_RDONLY); err == nil || !strings.Contains(err.Error(), "open secret: a script file reads") {
		t.Error(err)
	}
	if _, err := w.OpenFile("gone", os.O_RDONLY); !os.IsNotExist(err) {
		t.Error(err)
	}
}
