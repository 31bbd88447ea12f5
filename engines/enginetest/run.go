package enginetest

import (
	"context"
	"os"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// Run runs every row as a subtest. After each, nothing may be left behind.
func Run(t *testing.T, p Promise, start Starter) { runRows(t, Rows(p), start) }

// RunBare runs those for native handlers in children of fork.
func RunBare(t *testing.T, p Promise, start Starter) { runRows(t, BareRows(p), start) }

func runRows(t *testing.T, rows []Row, start Starter) {
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), RowLimit)
			defer cancel()
			before := takeCensus()
			if err := row.Run(ctx, start); err != nil {
				t.Fatalf("%s: %v", row.What, err)
			}
			if err := before.restored(ctx); err != nil {
				t.Fatalf("left behind: %v", err)
			}
		})
	}
}

// RunShortage tests what a model does when accept finds no free descriptor, in a process of its own whose limit is
// lowered. The test binary's TestMain must be Main with the same model.
func RunShortage(t *testing.T, model engines.Model) {
	ctx, cancel := context.WithTimeout(context.Background(), RowLimit)
	defer cancel()
	if err := shortage(ctx, model.Name); err != nil {
		t.Fatal(err)
	}
}

// RunCrowd is the row "crowd" with n clients and a linear handler, for numbers that are too many for a row. The test
// binary's TestMain must be Main.
func RunCrowd(ctx context.Context, start Starter, n int) error {
	return crowd(n)(ctx, start, linearKit())
}

// RunEventCrowd is RunCrowd with an event handler.
func RunEventCrowd(ctx context.Context, start Starter, n int) error {
	return crowd(n)(ctx, start, eventKit())
}

// Main is TestMain for packages that use this one: the suite starts the test binary again, as clients in another
// process and as a server with few descriptors.
func Main(m *testing.M, models ...engines.Model) {
	if code, ok := Dispatch(os.Args[1:], models...); ok {
		os.Exit(code)
	}
	ChildrenEndAtOnce()
	os.Exit(m.Run())
}

// ChildrenEndAtOnce is for tests with the race detector, which has each process sleep for a second before it ends.
func ChildrenEndAtOnce() {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
}

// Dispatch runs the role that args name, if they name one of this package's.
func Dispatch(args []string, models ...engines.Model) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	for _, role := range Roles(models...) {
		if role.Name == args[0] {
			return role.Run(args[1:]), true
		}
	}
	return 0, false
}

// Roles are what the suite starts this program again as.
func Roles(models ...engines.Model) []engines.Role {
	return []engines.Role{
		{Name: crowdRole, Run: runCrowd},
		{Name: serverRole, Run: func(args []string) int { return runServer(args, models) }},
		{Name: apartRole, Run: func([]string) int { return child.Main(&apartMaker{}) }},
		{Name: shortageRole, Run: func(args []string) int { return runShortage(args, models) }},
	}
}
