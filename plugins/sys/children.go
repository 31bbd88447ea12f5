package sys

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/nsh-lab/nsh/engines/child"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// children are the processes that a world's scripts have forked, as long as nobody has waited for them.
type children struct {
	world *lua.World

	mu      sync.Mutex
	family  *child.Family // nil until the first fork
	by      map[int]*child.Child
	ended   map[*child.Child]bool
	changed chan struct{} // closed when one has ended
	over    bool
}

func childrenOf(w *lua.World) *children {
	return lua.State(w, func() *children {
		cs := &children{world: w, by: map[int]*child.Child{}, ended: map[*child.Child]bool{}, changed: make(chan struct{})}
		w.Root().Own("child processes", cs.end)
		return cs
	})
}

func (cs *children) ensure() (_ *child.Family, err error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.over {
		return nil, syscall.ECANCELED
	}
	if cs.family == nil {
		cs.family, err = child.NewFamily(true)
	}
	return cs.family, err
}

func (cs *children) join(kid *child.Child) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.by[kid.Pid()] = kid
}

// gone notes that a child has ended, and wakes those who wait for one.
func (cs *children) gone(kid *child.Child) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.ended[kid] = true
	close(cs.changed)
	cs.changed = make(chan struct{})
}

// forget reaps a child that has ended.
func (cs *children) forget(kid *child.Child) {
	cs.mu.Lock()
	delete(cs.by, kid.Pid())
	delete(cs.ended, kid)
	cs.mu.Unlock()
	cs.family.Bury(kid)
}

// end ends all that are left, with the script.
func (cs *children) end() {
	cs.mu.Lock()
	cs.over = true
	family := cs.family
	cs.mu.Unlock()
	if family != nil {
		family.End(func(string, ...any) {}) // that a child had to be killed concerns nobody: the script has left it
	}
}

func waitFuncs() []lua.Func {
	return []lua.Func{
		{Name: "waitpid", Params: "[pid], [flags]", Returns: "pid, {code} or {signal} | 0 | nil, err", Call: waitpid,
			Doc: "Waits until a child of sys.fork has ended, any one without a pid or with -1, and says how: {code = 0}, or {signal = \"SIGKILL\"}. Until then it stays as a zombie. With WNOHANG it does not wait: 0 is that none has ended. ECHILD is that there is none to wait for.",
			Example: `local pid = sys.fork(function() os.exit(3) end)
local who, how = sys.waitpid(pid)
print(who == pid, how.code)  --> true	3
print(select(2, sys.waitpid()).code)  --> ECHILD`},
		{Name: "kill", Params: "pid, signal", Call: kill,
			Doc: "Sends a signal to a child of sys.fork; to no other process.",
			Example: `local pid = sys.fork(function() fiber.sleep(100) end)
sys.kill(pid, sys.SIGKILL)
print(select(2, sys.waitpid(pid)).signal)  --> SIGKILL`},
	}
}

// A status is how a child has ended.
type status struct {
	Code   *int   `lua:"code,omitempty"`
	Signal string `lua:"signal,omitempty"`
}

// waitpid is waitpid(2), for the children of this world.
func waitpid(ctx context.Context, env *lua.Env, pid *int, flags *int) (lua.Results, error) {
	if flags != nil && *flags != 0 && *flags != unix.WNOHANG {
		return nil, lua.Misusef("flags", "sys.WNOHANG or 0 expected, got %d", *flags)
	}
	which := -1
	if pid != nil {
		which = *pid
	}
	if which == 0 || which < -1 {
		return nil, lua.Misusef("pid", "the number of a child, or -1 for any, expected, got %d; there are no groups of processes here", which)
	}
	cs := childrenOf(env.World())
	for {
		kid, changed, err := cs.pick(which)
		switch {
		case err != nil:
			return nil, fault("waitpid", "", err)
		case kid != nil:
			<-kid.Ended() // at once: it has been heard of
			cs.family.Bury(kid)
			s := status{Signal: unix.SignalName(kid.Signal())}
			if kid.Signal() == 0 {
				code := kid.Code()
				s = status{Code: &code}
			}
			return lua.Results{kid.Pid(), s}, nil
		case flags != nil && *flags == unix.WNOHANG:
			return lua.Results{0}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pick takes a child that has ended out of the list, or says when to look again.
func (cs *children) pick(which int) (*child.Child, <-chan struct{}, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	found := false
	for pid, kid := range cs.by {
		if which != -1 && which != pid {
			continue
		}
		if found = true; cs.ended[kid] {
			delete(cs.by, pid)
			delete(cs.ended, kid)
			return kid, nil, nil
		}
	}
	if !found {
		return nil, nil, syscall.ECHILD
	}
	return nil, cs.changed, nil
}

// kill is kill(2), for the children of this world: it goes by way of their pidfds.
func kill(env *lua.Env, pid int, signal int32) error {
	if signal < 0 || signal > 64 {
		return lua.Misusef("signal", "a signal's number expected, such as sys.SIGTERM, got %d", signal)
	}
	cs := childrenOf(env.World())
	cs.mu.Lock()
	kid := cs.by[pid]
	cs.mu.Unlock()
	if kid == nil {
		return fault("kill", fmt.Sprint(pid), &lua.Fault{Code: "EPERM", Message: "this is no child of sys.fork's that anybody still waits for"})
	}
	kid.Kill(syscall.Signal(signal))
	return nil
}
