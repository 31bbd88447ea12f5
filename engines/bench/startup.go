package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// measureStart measures whole processes that do nothing: nsh, python3, lua5.1, where they are.
func measureStart(t *tools, o options, _ []group, r *results) error {
	commands := []struct {
		name string
		args []string
	}{
		{"nsh", []string{filepath.Join(t.bin, "nsh"), "-e", ""}},
		{"python3", []string{t.python, "-c", ""}},
		{"lua5.1", []string{"lua5.1", "-e", ""}},
	}
	rounds := 8 * o.rounds
	if o.short {
		rounds = 2
	}
	for range rounds {
		for _, c := range commands {
			if len(c.args) == 0 || c.args[0] == "" {
				continue
			}
			if _, err := exec.LookPath(c.args[0]); err != nil {
				continue
			}
			cmd := exec.Command(c.args[0], c.args[1:]...)
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r.add("start", "-e ''", c.name, "milliseconds", time.Since(began).Seconds()*1e3)
			r.add("start", "-e ''", c.name, "processor", (cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Seconds()*1e3)
		}
	}
	for _, c := range commands {
		if v, ok := r.median("start", "-e ''", c.name, "milliseconds"); ok {
			fmt.Printf("%s starts and ends in %.1f ms\n", c.name, v)
		}
	}
	return nil
}
