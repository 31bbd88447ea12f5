// Package plugintest makes a plugin's test ten lines: it builds worlds of a set of plugins, runs Lua in them, compares
// what is printed, and fails when anything is left open.
package plugintest

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// Main is a plugin's TestMain: in tests /proc/self/exe is the test binary, so it is what plays the roles of a set.
func Main(m *testing.M, ps ...plugins.Plugin) {
	set, err := plugins.NewSet(ps...)
	if err != nil {
		panic(err)
	}
	if len(os.Args) > 1 && os.Args[1] == fence.ProbeArg {
		os.Exit(fence.Probed())
	}
	if run, ok := set.Role(os.Args[1:]); ok {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// namespaces is why there can be no laboratories here; it is found out once.
var namespaces = sync.OnceValue(func() error {
	_, err := fence.Probe()
	return err
})

// NeedsLaboratories skips a test where the machine forbids the namespaces that laboratories are made of.
func NeedsLaboratories(t testing.TB) {
	t.Helper()
	if err := namespaces(); err != nil {
		t.Skip("no laboratories here: ", fence.Why(err))
	}
}

// NeedsModel skips a test where the machine cannot run one of the plugins' models.
func NeedsModel(t testing.TB, name string, ps ...plugins.Plugin) {
	t.Helper()
	for _, p := range ps {
		for _, m := range p.Models {
			if m.Name != name || m.Probe == nil {
				continue
			}
			if err := m.Probe(); err != nil {
				t.Skip(err)
			}
		}
	}
}

// A World is a Lua world of some plugins, with what it printed.
type World struct {
	*lua.World
	t     testing.TB
	out   output
	shown output // the lines that tell how far something has come
}

// Shown is what was shown since it was last asked for of how far something has come, a line each; one that is empty takes the one
// before it away.
func (w *World) Shown() []string {
	lines := strings.Split(w.shown.take(), "\n")
	return lines[:len(lines)-1]
}

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.buf.String()
	o.buf.Reset()
	return s
}

// New makes a world; the test's end closes it, and fails if it leaves a descriptor, goroutine, thread or child.
func New(t testing.TB, ps ...plugins.Plugin) *World {
	t.Helper()
	set := newSet(t, ps)
	before := census()
	w := &World{t: t}
	var err error
	w.World, err = lua.New(lua.Config{Modules: set.Modules(), Stdout: &w.out, Stderr: &w.out,
		Status: func(text string) { io.WriteString(&w.shown, text+"\n") },
		Style:  func() show.Options { return show.Options{Width: 80, Raw: true} }})
	if err != nil {
		t.Fatal(err)
	}
	set.Attach(w.World)
	t.Cleanup(func() {
		w.Close()
		if left := before.left(3 * time.Second); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
	return w
}

// newSet is the set of ps, whose declarations are sound.
func newSet(t testing.TB, ps []plugins.Plugin) *plugins.Set {
	t.Helper()
	set, err := plugins.NewSet(ps...)
	if err == nil {
		err = set.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Limit is how long a piece of Lua may take.
const Limit = 20 * time.Second

// Run runs source and returns what it printed.
func (w *World) Run(source string) (string, error) {
	chunk, err := lua.Compile("test.lua", source)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	_, err = w.Exec(ctx, chunk)
	return w.out.take(), err
}

// Value runs source and is its first result as text, or the error's.
func (w *World) Value(source string) string {
	chunk, err := lua.Compile("test.lua", source)
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	out, err := w.Exec(ctx, chunk)
	switch {
	case err != nil:
		return err.Error()
	case len(out) == 0:
		return ""
	}
	return out[0].String()
}

// Expect runs source and compares what it prints with what stands behind --> in it, line by line.
func (w *World) Expect(source string) {
	w.t.Helper()
	got, err := w.Run(source)
	if err != nil {
		w.t.Errorf("%v\n%s\nprinted:\n%s", err, source, got)
		return
	}
	want := Wanted(source)
	if strings.Join(want, "\n") != trimLines(got) {
		w.t.Errorf("%s\nprinted:\n%swanted:\n%s", source, got, strings.Join(want, "\n"))
	}
}

// trimLines drops blanks at the ends of lines, which nobody sees in a comment.
func trimLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// Wanted is what stands behind --> in source.
func Wanted(source string) []string {
	var want []string
	for _, line := range strings.Split(source, "\n") {
		if _, after, ok := strings.Cut(line, "-->"); ok {
			want = append(want, strings.TrimRight(strings.TrimPrefix(after, " "), " "))
		}
	}
	return want
}

// Fails runs source and wants an error that contains text.
func (w *World) Fails(source, text string) {
	w.t.Helper()
	if _, err := w.Run(source); err == nil || !strings.Contains(err.Error(), text) {
		w.t.Errorf("%s\nerror: %v\nwanted: %s", source, err, text)
	}
}

// Examples runs every Example of the plugins' declarations, each in a world of its own.
func Examples(t *testing.T, ps ...plugins.Plugin) {
	set := newSet(t, ps)
	for _, path := range set.Index().Paths() {
		e := set.Index().Find(path)
		if e.Example == "" || e.Kind == "module" {
			continue
		}
		t.Run(path, func(t *testing.T) {
			if strings.Contains(e.Example, "lab.") {
				NeedsLaboratories(t)
			}
			New(t, ps...).Expect(e.Example)
		})
	}
}
