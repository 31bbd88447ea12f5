package enginetest

import (
	"context"
	"os"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
)

// A Test is a *testing.T, as far as the suite needs one. What ships has the rows, and does not import package testing.
type Test interface {
	Context() context.Context
	TempDir() string
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Skipf(format string, args ...any)
}

// A Parent is a Test that has subtests of its own kind.
type Parent[T any] interface {
	Test
	Run(name string, f func(T)) bool
}

// Run runs every row as a subtest. After each, nothing may be left behind.
func Run[T Parent[T]](t T, p Promise, start Starter) { runRows(t, Rows(p), start) }

// RunBare runs those for native handlers in children of fork.
func RunBare[T Parent[T]](t T, p Promise, start Starter) { runRows(t, BareRows(p), start) }

// RunDatagrams runs the rows for datagram servers as subtests.
func RunDatagrams[T Parent[T]](t T, p Promise, start Starter) { runRows(t, DatagramRows(p), start) }

func runRows[T Parent[T]](t T, rows []Row, start Starter) {
	for _, row := range rows {
		t.Run(row.Name, func(t T) {
			if err := row.Check(context.Background(), RowLimit, start); err != nil {
				t.Fatalf("%s: %v", row.What, err)
			}
		})
	}
}

// RunShortage tests what a model does when accept finds no free descriptor, in a process of its own whose limit is
// lowered. The test binary's TestMain must be Main with the same model.
func RunShortage(t Test, model engines.Model) {
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
func Main(m interface{ Run() int }, models ...engines.Model) {
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

// Roles are what the suite starts a test binary again as.
func Roles(models ...engines.Model) []engines.Role {
	return append(RowRoles(),
		engines.Role{Name: serverRole, Run: func(args []string) int { return runServer(args, models) }},
		engines.Role{Name: shortageRole, Run: func(args []string) int { return runShortage(args, models) }})
}

// RowRoles are those that rows need, in nsh itself, too. Their names begin with engines.RolePrefix.
func RowRoles() []engines.Role {
	return []engines.Role{
		{Name: crowdRole, Run: runCrowd},
		{Name: apartRole, Run: func([]string) int { return child.Main(&apartMaker{}) }},
	}
}
