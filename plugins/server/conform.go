package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// testOptions are those of server.test.
type testOptions struct {
	Row     string        `lua:"row" help:"this row only, by its name; all of them when absent"`
	Timeout time.Duration `lua:"timeout" default:"10s" help:"seconds for each row; one that does not end within them does not hold"`
	Quiet   bool          `lua:"quiet" default:"false" help:"print nothing meanwhile; the result prints as all rows then"`
}

// A Grade is one row of the suite, and what became of it.
type Grade struct {
	Name    string  `lua:"name" help:"the row's name"`
	What    string  `lua:"what" help:"what must hold"`
	Holds   *bool   `lua:"holds" help:"whether it does; nil for a row that was left out"`
	Seen    string  `lua:"seen,omitempty" help:"what was seen, of a row that does not hold"`
	Why     string  `lua:"why,omitempty" help:"why a row was left out"`
	Seconds float64 `lua:"seconds" help:"how long it took"`
}

// Grades are what server.test gives.
type Grades struct {
	Rows    []Grade `lua:",list" help:"each {name, what, holds, seen, why, seconds}"`
	Model   string  `lua:"model" help:"the model's name"`
	Held    int     `lua:"held" help:"how many rows hold"`
	Failed  int     `lua:"failed" help:"how many do not"`
	Skipped int     `lua:"skipped" help:"how many were left out"`
	Printed bool    `lua:"printed" help:"the rows were printed already"`
}

func testFunc() lua.Func {
	return lua.Func{Name: "test", Params: "name, options", Returns: "list of {name, what, holds, seen, why, seconds}", Call: conform,
		Words: map[string]func(*lua.World) []string{"row": rowNames, "name": modelNames},
		Doc: `Runs the suite that nsh's own models pass on a model, one of its own or one from server.define, and prints which rows hold and what was seen where one does not.

The result is the list of rows, with held, failed and skipped, how many of them there are. Each row starts servers of its own, with handlers in Go, and clients that know nothing of nsh. The rows count what this process has open and compare: nothing else should come and go meanwhile.`,
		Example: `local t = server.test("goroutine", {row = "echo", quiet = true})
print(t.held, t.failed, t[1].name, t[1].holds)  --> 1	0	echo	true`}
}

// conform grades a model.
func conform(ctx context.Context, env *lua.Env, name string, o testOptions) (Grades, error) {
	w := env.World()
	model, err := (&options{Model: name}).model(env)
	if err != nil {
		return Grades{}, asArgument(err)
	}
	if model.Probe != nil {
		if err := model.Probe(); err != nil {
			return Grades{}, &lua.Fault{Code: "ENOSYS", Op: "test", Message: fmt.Sprintf("the model %q cannot run here: %v", name, err)}
		}
	}
	atOnce := 0
	if d := definitionOf(w, name); d != nil {
		atOnce = d.AtOnce
	}
	promise := enginetest.PromiseOf(model, atOnce)
	rows, left, err := o.chosen(model, promise)
	if err != nil {
		return Grades{}, err
	}
	place, _ := w.Config().Place.(engines.Place)
	said := &remarks{}
	cfg := engines.Config{Place: place, ReuseAddr: true, Log: said.add}
	starter := func(row enginetest.Row) enginetest.Starter {
		if strings.HasPrefix(row.Name, udpRow) {
			return enginetest.StartDatagrams(model, cfg)
		}
		return enginetest.StartWith(model, cfg)
	}
	g := Grades{Model: name, Printed: !o.Quiet}
	width := 80
	if style := w.Config().Style; style != nil && style().Width > 0 {
		width = style().Width
	}
	note := func(row Grade) {
		g.add(row)
		if !o.Quiet {
			w.Println(strings.TrimSuffix(row.text(width), "\n"))
		}
	}
	warmUp(ctx, rows[0], o.Timeout, starter(rows[0]))
	for _, row := range rows {
		row := grade(ctx, row, o.Timeout, starter(row), said)
		if ctx.Err() != nil {
			return Grades{}, ctx.Err()
		}
		note(row)
	}
	for _, row := range left {
		note(Grade{Name: row.Name, Why: row.What})
	}
	return g, nil
}

// asArgument is a misuse of the option model, which is an argument here.
func asArgument(err error) error {
	if m, ok := err.(*lua.Misuse); ok {
		return lua.Misusef("name", "%s", m.Message)
	}
	return err
}

// udpRow begins the names of rows for datagram servers.
const udpRow = "udp "

// chosen are the rows to run, and those that are left out.
func (o *testOptions) chosen(m engines.Model, p enginetest.Promise) (rows, left []enginetest.Row, err error) {
	rows, left = enginetest.Rows(p), enginetest.Left(m, p)
	if m.Datagrams {
		for _, row := range enginetest.DatagramRows(p) {
			row.Name = udpRow + row.Name
			rows = append(rows, row)
		}
	}
	if o.Row == "" {
		return rows, left, nil
	}
	var names []string
	for _, row := range rows {
		if row.Name == o.Row {
			return []enginetest.Row{row}, nil, nil
		}
		names = append(names, row.Name)
	}
	if near := lua.Nearest(o.Row, names); near != "" {
		return nil, nil, lua.Misusef("row", "%.40q unknown, did you mean '%s'?", o.Row, near)
	}
	return nil, nil, lua.Misusef("row", "%.40q unknown; the model has: %s", o.Row, strings.Join(names, ", "))
}

func rowNames(*lua.World) (names []string) {
	for _, row := range enginetest.Rows(enginetest.Promise{Linear: true, Events: true, Crowd: 2}) {
		names = append(names, row.Name)
	}
	return names
}

// warmUp has one connection served, so that what is made once, and stays, is there before anybody counts.
func warmUp(ctx context.Context, row enginetest.Row, limit time.Duration, start enginetest.Starter) {
	ctx, cancel := context.WithTimeout(ctx, min(limit, time.Second))
	defer cancel()
	row.Run(ctx, start) // whatever comes of it: it is asked again
}

func grade(ctx context.Context, row enginetest.Row, limit time.Duration, start enginetest.Starter, said *remarks) Grade {
	said.take()
	began := time.Now()
	err := row.Check(ctx, limit, start)
	holds := err == nil
	g := Grade{Name: row.Name, What: row.What, Holds: &holds, Seconds: time.Since(began).Round(time.Millisecond).Seconds()}
	if err != nil {
		// Why an engine has ended comes first: what the clients saw comes of it.
		g.Seen = strings.Join(append(said.take(), strings.ReplaceAll(err.Error(), "\n", "; ")), "; ")
	}
	return g
}

// remarks are what servers of one row have to say, each once: why an engine has ended is why the row does not hold.
type remarks struct {
	mu   sync.Mutex
	list []string
}

func (r *remarks) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.list, text) && len(r.list) < 3 {
		r.list = append(r.list, text)
	}
}

func (r *remarks) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func (g *Grades) add(row Grade) {
	g.Rows = append(g.Rows, row)
	switch {
	case row.Holds == nil:
		g.Skipped++
	case *row.Holds:
		g.Held++
	default:
		g.Failed++
	}
}

// text is a row as it is printed.
func (g Grade) text(width int) string {
	const margin = "     "
	switch {
	case g.Holds == nil:
		return show.Wrap(g.Name+": "+g.Why, "skip ", margin, width)
	case *g.Holds:
		return "ok   " + g.Name + "\n"
	}
	return show.Wrap(g.Name+": "+g.What, "FAIL ", margin, width) + show.Wrap(g.Seen, margin+"saw ", margin+"    ", width)
}

// Show prints the rows, unless that was done while they ran, and how many hold.
func (g Grades) Show() any {
	text := ""
	if !g.Printed {
		for _, row := range g.Rows {
			text += row.text(80)
		}
	}
	total := fmt.Sprintf("model %s: %d of %d rows hold", g.Model, g.Held, g.Held+g.Failed)
	if g.Skipped > 0 {
		total += fmt.Sprintf(", %d left out", g.Skipped)
	}
	return text + total
}

func gradesType() lua.Type {
	return lua.Type{Name: "Grades", Of: Grades{}, Doc: "What server.test has found: the rows of the suite, in their order, and how many hold."}
}

// suiteRoles are what the suite starts nsh again as: clients in another process, and handlers in one.
func suiteRoles() []engines.Role {
	roles := enginetest.RowRoles()
	for i := range roles {
		roles[i].Name = strings.TrimPrefix(roles[i].Name, plugins.RolePrefix)
	}
	return roles
}
