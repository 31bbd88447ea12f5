package sys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

func forkFunc() lua.Func {
	return lua.Func{Name: "fork", Params: "f, ...", Returns: "pid | nil, err", Call: fork,
		Doc: "Makes a child process that calls f(...) and ends when that returns, with exit code 0; with 1 after an error, which is printed; with os.exit's. As after fork(2) it has copies: of everything that f and its arguments reach, in a Lua world of its own, and of the descriptors among that, which stay open until both processes have closed theirs. What C's child has besides, the descriptors that it does not name, this one has not; its standard input is empty. What it prints comes out here. A child that has ended stays as a zombie until waitpid; one that has not ends with the script.",
		Example: `local r, w = sys.pipe()
local pid = assert(sys.fork(function()
  r:close()
  w:write("from process " .. sys.getpid())
end))
w:close() -- the child has another: as long as anybody has one, r has no end
print(r:read(100) == "from process " .. pid, r:read(100) == "")  --> true	true
local who, status = sys.waitpid(pid)
print(who == pid, status.code)  --> true	0`}
}

// forkRole is nsh as the child of a script's fork.
const forkRole = "sys-fork"

// A cargo is what a child gets beside its descriptors: what they are, and a function with copies of what it reaches.
type cargo struct {
	Style    show.Options
	Fds      []label
	Snapshot []byte
}

// A label says what a descriptor is that is passed to a child.
type label struct {
	Kind     kind
	Family   int
	Stream   bool
	Nonblock bool
	Closed   bool // it was, and is not passed
}

// toldBegan is what a child tells its parent when it has its descriptors.
const toldBegan = 'b'

// patience is how long a child may take to be there, on a loaded machine.
const patience = 20 * time.Second

func fork(ctx context.Context, env *lua.Env, f lua.Callback, args ...lua.Value) (int, error) {
	w := env.World()
	call, err := w.FreezeCall("f", f, args, func(x any) bool { _, ok := x.(*Fd); return ok })
	if err != nil {
		return 0, lua.Misusef("f", "a child process has copies of what its function reaches: %s", err)
	}
	load := cargo{Snapshot: call.Snapshot}
	if style := w.Config().Style; style != nil {
		load.Style = style()
	}
	var fds []int
	for _, x := range call.Carried {
		fd := x.(*Fd)
		l := label{fd.kind, fd.family, fd.stream, fd.nonblock.Load(), fd.acquire() != nil}
		load.Fds = append(load.Fds, l)
		if !l.Closed {
			defer fd.done()
			fds = append(fds, fd.num)
		}
	}
	if len(fds) > child.MostDescriptors {
		return 0, fault("fork", "", &lua.Fault{Code: "EMFILE", Message: fmt.Sprintf("its function reaches %d descriptors, and %d can be passed", len(fds), child.MostDescriptors)})
	}
	packed, err := json.Marshal(load)
	if err != nil {
		return 0, fault("fork", "", err)
	}
	setup, err := json.Marshal(plugins.Inherit(env))
	if err != nil {
		return 0, fault("fork", "", err)
	}
	pid, err := childrenOf(w).start(ctx, setup, packed, fds)
	return pid, fault("fork", "", err)
}

// start starts a child, and returns when it has what it was given.
func (cs *children) start(ctx context.Context, setup, packed []byte, fds []int) (int, error) {
	family, err := cs.ensure()
	if err != nil {
		return 0, err
	}
	kid, err := family.Start([]string{plugins.RolePrefix + forkRole}, setup)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the child did not get ready"))
	defer cancel()
	began := make(chan struct{})
	work := &child.Work{Heard: func(kind byte, data []byte) {
		if !plugins.Hear(cs.world, kind, data) && kind == toldBegan {
			close(began)
		}
	}, Fail: cs.world.Warn, Log: cs.world.Warn, Gone: cs.gone}
	if err = await(ctx, kid, kid.Ready()); err == nil && !kid.Engage(work) {
		err = errEnded
	}
	if err == nil {
		cs.join(kid)
		if err = kid.Run(packed, fds...); err == nil {
			err = await(ctx, kid, began)
		}
	}
	if err != nil {
		kid.Kill(syscall.SIGKILL)
		<-kid.Ended()
		cs.forget(kid)
		return 0, err
	}
	return kid.Pid(), nil
}

var errEnded = errors.New("the child has ended before it could begin")

// await waits until a child has come so far. One that has, and has ended since, has all the same.
func await(ctx context.Context, kid *child.Child, there <-chan struct{}) error {
	select {
	case <-there:
		return nil
	case <-kid.Ended():
		select {
		case <-there:
			return nil
		default:
			return errEnded
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runFork is the role: the child's side.
func runFork(set *plugins.Set, _ []string) int { return child.Main(&forked{set: set}) }

// A forked is the child of a fork.
type forked struct {
	set    *plugins.Set
	world  *lua.World
	tell   child.Tell
	style  show.Options
	failed bool
}

// Setup makes the child's world.
func (k *forked) Setup(data []byte, tell child.Tell) (err error) {
	var from plugins.Inheritance
	if err := json.Unmarshal(data, &from); err != nil {
		return err
	}
	k.tell = tell
	k.world, err = from.World(k.set, tell, func() show.Options { return k.style })
	return err
}

// Run calls the function.
func (k *forked) Run(ctx context.Context, packed []byte, fds []int) {
	f, args, err := k.unload(packed, fds)
	k.tell(toldBegan, nil)
	if err == nil {
		life, cancel := context.WithCancel(k.world.Root().Context())
		defer context.AfterFunc(ctx, cancel)()
		defer cancel()
		_, err = f.Call(f.Env().Under(life), args...)
		if life.Err() != nil { // the parent's wish, or os.exit
			err = nil
		}
	}
	if err != nil {
		k.failed = true
		k.world.Warn(fmt.Sprintf("child %d: %s", os.Getpid(), err))
	}
}

// unload makes the function anew.
func (k *forked) unload(packed []byte, fds []int) (f lua.Callback, args []any, err error) {
	var load cargo
	if err := json.Unmarshal(packed, &load); err != nil {
		return f, nil, err
	}
	k.style = load.Style
	objects := make([]any, 0, len(load.Fds))
	for _, l := range load.Fds {
		var fd *Fd
		switch {
		case l.Closed:
			fd = &Fd{descriptor: descriptor{num: -1, closed: true}}
		case len(fds) == 0:
			return f, nil, errors.New("not all descriptors have come")
		default:
			fd = newFd(k.world.Root(), fds[0], l.Kind)
			fds = fds[1:]
		}
		fd.arrive(l, k.world)
		objects = append(objects, fd)
	}
	return k.world.ThawCall(lua.FrozenCall{Snapshot: load.Snapshot, Carried: objects})
}

// Make is for children that serve connections.
func (k *forked) Make(context.Context, []byte) (engines.App, error) {
	return engines.App{}, errors.New("this child runs a function")
}

// Over is asked between connections.
func (k *forked) Over() bool { return true }

// Code closes the world.
func (k *forked) Code() int {
	if k.world == nil {
		return 1
	}
	k.world.Close()
	code := plugins.TellEnd(k.world, k.tell)
	if k.failed && code == 0 {
		code = 1
	}
	return code
}

// getpid, getppid and gettid are those of the process, and of the thread that runs.
func processFuncs() []lua.Func {
	return []lua.Func{
		{Name: "getpid", Call: os.Getpid, Doc: "The number of this process.",
			Example: `print(sys.getpid() > 0)  --> true`},
		{Name: "getppid", Call: os.Getppid, Doc: "The number of the process that has made this one.",
			Example: `print(sys.getppid() >= 0)  --> true`},
		{Name: "gettid", Call: unix.Gettid, Doc: "The number of the thread that runs this: in sys.thread's function its own, which /proc/PID/task lists; elsewhere that of whichever it is just now.",
			Example: `print(sys.gettid() > 0)  --> true`},
	}
}
