package enginetest

import "github.com/nsh-lab/nsh/engines"

// launch runs f on a goroutine of its own; it tells what it has to tell by other means.
func launch(f func()) {
	engines.Go("enginetest", func() error { f(); return nil }, func(error) {})
}
