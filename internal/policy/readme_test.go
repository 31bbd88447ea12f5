package policy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestReadmePlugin puts the README's plugin and its test where the README says, without writing there, and runs
// it.
func TestReadmePlugin(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package greet\n.*?)```").FindSubmatch(src)
	line := regexp.MustCompile("`(func TestExamples.*?)`").FindSubmatch(src)
	if block == nil || line == nil {
		t.Fatal("the README has no plugin, or no test of it")
	}
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	test := "package greet\n\nimport (\n\t\"testing\"\n\n\t\"github.com/nsh-lab/nsh/plugins/plugintest\"\n)\n\n" + string(line[1]) + "\n"
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	temp := t.TempDir()
	for name, text := range map[string]string{"greet.go": string(block[1]), "greet_test.go": test} {
		path := filepath.Join(temp, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(dir, "plugins/greet", name)] = path
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(temp, "greet.test")
	for _, args := range [][]string{
		{dir, "go", "test", "-vet=off", "-c", "-o", binary, "-overlay", list, "./plugins/greet"},
		{temp, binary},
	} {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = args[0]
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}
