package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/internal/fence"
)

// TestLabs runs each laboratory of docs/labs as somebody would who reads it. NSH_ROUNDS is how often:
//
//	NSH_ROUNDS=20 go test ./cmd/nsh -run TestLabs
func TestLabs(t *testing.T) {
	t.Parallel()
	if _, err := fence.Probe(); err != nil {
		t.Skip("no laboratories here: ", fence.Why(err))
	}
	labs, err := filepath.Glob(filepath.Join(root, "docs/labs/*.lua"))
	if err != nil || len(labs) < 6 {
		t.Fatalf("docs/labs has %d scripts: %v", len(labs), err)
	}
	list, err := os.ReadFile(filepath.Join(root, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	rounds, _ := strconv.Atoi(os.Getenv("NSH_ROUNDS"))
	for _, lab := range labs {
		name := filepath.Base(lab)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(lab)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n >= 60 {
				t.Errorf("it has %d lines; under 60 can be read in class", n)
			}
			if !strings.Contains(string(list), "labs/"+name) {
				t.Errorf("docs/README.md does not say that it is there")
			}
			for range max(1, rounds) {
				out, errs, code := nsh(t, root, "", "docs/labs/"+name)
				if code != 0 || strings.Count("\n"+out, "\nok ") < 5 || errs != "" {
					t.Fatalf("exit code %d\n%s%s", code, out, errs)
				}
			}
		})
	}
}
