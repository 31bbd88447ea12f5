package sys

import (
	"runtime"
	"sync/atomic"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

func threadFunc() lua.Func {
	return lua.Func{Name: "thread", Params: "f, ...", Returns: "Fiber | nil, err", Call: thread,
		Doc: "Starts f(...) on a thread of its own, a real one, in which its calls wait in the kernel; join is pthread_join. As threads in C it shares everything with the script, variables and descriptors: a close anywhere is a close for all. Unlike there one thread at a time runs Lua, so that only what waits goes on side by side; what computes does in child processes (fork), and in servers with isolate = true.",
		Example: `local r, w = sys.pipe()
local function wait() return r:read(5), sys.gettid() end
local a, b = assert(sys.thread(wait)), assert(sys.thread(wait))
w:write("hello") w:write("hello")
local _, x, one = a:join()
local _, y, two = b:join()
print(x, y, one ~= two)  --> hello	hello	true`}
}

// threads are those that a world's scripts have made.
type threads struct {
	alive atomic.Int64
	room  int
	why   string
}

func threadsOf(w *lua.World) *threads {
	return lua.State(w, func() *threads {
		room, why := engines.ThreadRoom()
		return &threads{room: room, why: why}
	})
}

// thread is pthread_create(3).
func thread(env *lua.Env, f lua.Callback, args ...lua.Value) (*lua.Fiber, error) {
	ts := threadsOf(env.World())
	if ts.alive.Add(1) > int64(ts.room) {
		ts.alive.Add(-1)
		return nil, fault("thread", "", &lua.Fault{Code: "EAGAIN", Message: ts.why})
	}
	return f.Spawn(env, func(live func()) {
		defer ts.alive.Add(-1)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		live()
	}, args...), nil
}
