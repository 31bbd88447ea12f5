package lua

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/lua/show"
	glua "github.com/yuin/gopher-lua"
)

// Config says what a World is made of.
type Config struct {
	Modules []Module
	Script  string   // arg[0]; require looks in its folder first
	Args    []string // arg[1], …
	Stdout  io.Writer
	Stderr  io.Writer
	Status  func(text string)   // shows how far something has come; nil where nobody waits at a terminal
	Style   func() show.Options // how print lays values out; asked each time, since a terminal's width changes
	JSON    bool                // print writes JSON lines
	Place   any                 // where sockets are made when nothing else is said
	Confine bool                // no os.execute, io.popen, os.getenv; files below the script's folder, read only
	Files   Files               // opens the files of a confined world; nil: it does so itself
	Shared  bool                // somebody else reads the standard input, too: no more of it is taken than a script asks for
}

// A World is one Lua world: globals, a baton, sleepers, a root scope. Its methods may be called from any goroutine
// unless they say that they keep the baton.
type World struct {
	cfg    Config
	baton  baton
	seed   *glua.LState // the thread all others are made from; it never runs and has no context
	root   *Scope
	out    *output
	errout *output

	// These belong to the holder of the baton.
	threads      threadPool
	smallThreads threadPool // for handlers
	types        map[reflect.Type]*typeInfo
	bounds       map[*glua.LFunction]*bound
	consts       map[*glua.LTable][]*Module // those whose constants are in a table
	objects      objectTable
	fiberID      int
	loader       loader
	input        *File // where io.read reads
	output       *File // where io.write writes
	stdFiles     map[string]*File

	above    *World           // of an isolate: the world that it was made by
	library  *library         // isolates share it
	origins  *origins         // apart from the world, for clean-ups that must not keep it; isolates share it
	pristine func() *pristine // set once, by New

	witnesses witnesses
	sources   *sources // apart from the world, for clean-ups that must not keep it

	mu         sync.Mutex // guards the rest
	states     map[reflect.Type]any
	fibers     map[*Fiber]struct{}
	coroutines map[*coroutine]struct{}
	unjoined   []*looseEnd
	failures   int
	exited     *ExitError
	runs       map[*strand]struct{} // of chunks; fibers hang on their scope
	flows      sync.Pool
	end        context.CancelCauseFunc
}

// started is the zero of fiber.now: monotonic, and the same for all worlds of the process.
var started = time.Now()

// usualFuncs is about how many functions the plugins that ship declare.
const usualFuncs = 128

// New makes a World with the library of Lua 5.1 as nsh has it, and the modules.
func New(cfg Config) (*World, error) {
	w := &World{
		cfg: cfg, library: &library{}, origins: &origins{}, sources: &sources{}, types: map[reflect.Type]*typeInfo{}, bounds: make(map[*glua.LFunction]*bound, usualFuncs),
		consts: map[*glua.LTable][]*Module{}, objects: newObjectTable(), states: map[reflect.Type]any{},
		threads:      threadPool{registers: registrySize, growth: registryGrowth, frames: callStackSize},
		smallThreads: threadPool{registers: smallRegistry, growth: smallGrowth, frames: smallCallStack},
		fibers:       map[*Fiber]struct{}{}, coroutines: map[*coroutine]struct{}{}, runs: map[*strand]struct{}{},
	}
	if w.cfg.Stdout == nil {
		w.cfg.Stdout = os.Stdout
	}
	if w.cfg.Stderr == nil {
		w.cfg.Stderr = os.Stderr
	}
	w.out, w.errout = &output{w: w.cfg.Stdout}, &output{w: w.cfg.Stderr}
	w.seed = glua.NewState(glua.Options{
		SkipOpenLibs: true, MinimizeStackMemory: true, CallStackSize: callStackSize,
		RegistrySize: registrySize, RegistryMaxSize: registryMaxSize, RegistryGrowStep: registryGrowth,
	})
	w.seed.G.MainThread = w.seed
	ctx, end := context.WithCancelCause(context.Background())
	w.end = end
	w.root = NewScope(ctx, nil)
	w.openLibs()
	mods := append(ownModules(), cfg.Modules...)
	for i := range mods {
		if err := w.addModule(&mods[i]); err != nil {
			return nil, err
		}
	}
	w.openStdFiles()
	w.setArg()
	w.notePristine()
	return w, nil
}

// The size of a Lua thread: 128 registers is the least that gopher-lua takes at its word (below, it takes 5120), and
// frames come in segments of eight. callStackSize is the depth of recursion that a script gets; the table of its segments,
// 511 pointers and Go's header, just fits 4 KiB.
const (
	registrySize    = 128
	registryMaxSize = 1 << 15
	registryGrowth  = 512
	callStackSize   = 4088
)

// ownModules are those that belong to the Lua world itself.
func ownModules() []Module { return []Module{fiberModule(), withModule(), workModule(), baseModule()} }

// addModule makes a module's table and registers its types.
func (w *World) addModule(m *Module) error {
	for i := range m.Types {
		w.addType(m.Name, &m.Types[i])
	}
	tb := w.seed.G.Global
	if m.Name != "" {
		if v, ok := tb.RawGetString(m.Name).(*glua.LTable); ok {
			tb = v
		} else {
			tb = w.seed.CreateTable(0, len(m.Funcs)+len(m.Consts))
			w.seed.G.Global.RawSetString(m.Name, tb)
		}
	}
	for i := range m.Funcs {
		f := &m.Funcs[i]
		name := f.Name
		if m.Name != "" {
			name = m.Name + "." + f.Name
		}
		if f.Name == "" { // the module itself can be called
			fn := w.bind(m.Name, f, nil)
			w.metaOf(m, tb).RawSetString("__call", w.seed.NewFunction(func(L *glua.LState) int {
				L.Remove(1)
				return fn.GFunction(L)
			}))
			continue
		}
		if tb.RawGetString(f.Name) != glua.LNil && m.Name != "" {
			return fmt.Errorf("%s is declared twice", name)
		}
		tb.RawSetString(f.Name, w.bind(name, f, nil))
	}
	return w.addConstants(m, tb)
}

// Exec runs a chunk: a prompt's line, a script. It returns when the chunk has returned; fibers and servers go on. The
// context ends the run: what waits returns, and Lua stops at the next instruction.
func (w *World) Exec(ctx context.Context, c *Chunk, args ...any) ([]Value, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.root.ctx, func() { cancel(context.Cause(w.root.ctx)) })()
	f := w.newFlow()
	env := newEnv(ctx, w, f, cancel)
	w.addRun(env.strand)
	defer w.removeRun(env.strand)
	if err := w.root.ctx.Err(); err != nil {
		return nil, w.whyEnded(err)
	}
	if !w.baton.takeUntil(f.wait, env.done) {
		return nil, w.whyEnded(context.Cause(ctx))
	}
	defer w.baton.pass()
	w.objects.sweep()
	w.origins.remember(c)
	fn := w.seed.NewFunctionFromProto(c.proto)
	if args == nil { // a script's arguments are its main chunk's ..., too
		for _, a := range w.cfg.Args {
			args = append(args, a)
		}
	}
	in := make([]glua.LValue, len(args))
	for i, a := range args {
		in[i] = w.toLua(a)
	}
	rets, thrown := f.protect(env, fn, in)
	env.fiber.end(rets, thrown)
	if ctx.Err() != nil || thrown != nil && w.Exited() != nil {
		return nil, w.whyEnded(context.Cause(ctx))
	}
	if thrown != nil {
		return nil, w.scriptError(thrown)
	}
	return values(rets), nil
}

// whyEnded is the error of a cancelled run: os.exit's, or the context's.
func (w *World) whyEnded(cause error) error {
	var exit *ExitError
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.exited != nil {
		return w.exited
	}
	if errors.As(cause, &exit) {
		return exit
	}
	return cause
}

// Interrupt ends whatever holds the baton: a run that cannot get it, because a background fiber computes for ever, asks
// for this after its own context has been cancelled in vain. It says whether that was a fiber or a callback, not a chunk.
func (w *World) Interrupt() bool {
	w.baton.mu.Lock()
	f := w.baton.holder
	w.baton.mu.Unlock()
	if f == nil {
		return false
	}
	s := f.strand.Load()
	if s == nil {
		return false
	}
	s.interrupt()
	w.mu.Lock()
	defer w.mu.Unlock()
	_, chunk := w.runs[s]
	return !chunk
}

// Turns counts how often the baton was passed on. Where it stands still, somebody computes.
func (w *World) Turns() uint64 {
	w.baton.mu.Lock()
	defer w.baton.mu.Unlock()
	return w.baton.turns
}

// Close ends the world: fibers are cancelled, what is open is closed newest first, coroutines are given back.
func (w *World) Close() {
	w.finish(context.Canceled)
	w.root.Close()
	deadline := time.Now().Add(3 * time.Second)
	for w.busy() && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	for w.killCoroutines() > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	w.mu.Lock()
	loose := w.unjoined
	w.unjoined = nil
	w.failures += len(loose)
	w.mu.Unlock()
	for _, end := range loose {
		end.timer.Stop()
		w.errout.write(end.text)
	}
	w.baton.mu.Lock()
	if w.baton.timers.alarm != nil {
		w.baton.timers.alarm.Stop()
	}
	w.baton.mu.Unlock()
}

// Root is the scope of the session or script.
func (w *World) Root() *Scope { return w.root }

// Failures counts failed checks and the errors of fibers that nobody joined.
func (w *World) Failures() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures + len(w.unjoined)
}

// Config is what the world was made of.
func (w *World) Config() Config { return w.cfg }

// AddFailures counts failures that a world in another process has counted, and printed.
func (w *World) AddFailures(n int) {
	w.mu.Lock()
	w.failures += n
	w.mu.Unlock()
}

// Fail counts a failure and prints it.
func (w *World) Fail(text string) {
	w.mu.Lock()
	w.failures++
	w.mu.Unlock()
	w.Println(text)
}

// State is a plugin's own state in one world: the first call makes it.
func State[T any](w *World, make func() *T) *T {
	key := reflect.TypeFor[T]()
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.states[key].(*T); ok {
		return s
	}
	s := make()
	w.states[key] = s
	return s
}
