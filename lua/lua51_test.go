package lua

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Library functions of nsh's own answer as C Lua 5.1 does.
func TestLikeLua51(t *testing.T) {
	src, err := os.ReadFile("testdata/lua51.lua")
	if err != nil {
		t.Fatal(err)
	}
	w, out := newWorld(t)
	if _, err := run(w, string(src)); err != nil {
		t.Fatal(err)
	}
	sameLines(t, "nsh", out.String())
}

// The table they are compared with is what the real one says.
func TestGoldenIsLua51(t *testing.T) {
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed: the table is taken at its word")
	}
	out, err := exec.Command(path, "testdata/lua51.lua").Output()
	if err != nil {
		t.Fatal(err)
	}
	sameLines(t, "lua5.1", string(out))
}

func sameLines(t *testing.T, who, got string) {
	golden, err := os.ReadFile("testdata/lua51.golden")
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(golden), "\n")
	if len(g) != len(w) {
		t.Errorf("%s printed %d lines, the table has %d", who, len(g), len(w))
	}
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s: %s\nwanted: %s", who, g[i], w[i])
		}
	}
}
