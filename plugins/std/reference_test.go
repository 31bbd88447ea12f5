package std

import (
	"flag"
	"os"
	"testing"

	"github.com/nsh-lab/nsh/plugins"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// TestReference fails when a generated document is not what the declarations say now.
func TestReference(t *testing.T) {
	set, err := plugins.NewSet(All()...)
	if err != nil {
		t.Fatal(err)
	}
	index := set.Index()
	for path, want := range map[string]string{
		"../../docs/reference.md": index.Markdown(),
		"../../docs/nsh.d.lua":    index.Stub(),
	} {
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not up to date (%v): go test ./plugins/std -run TestReference -update", path, err)
		}
	}
}
