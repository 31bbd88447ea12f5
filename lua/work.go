package lua

import (
	"math"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	glua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// workModule declares busy and wait, the two things that a handler can do with its time.
func workModule() Module {
	return Module{Funcs: []Func{
		{Name: "busy", Params: "milliseconds", Returns: "true", Call: busy,
			Doc: `Computes: uses so many milliseconds of processor time, as a handler that works something out does.

It keeps the baton, so nobody else's Lua runs meanwhile, as with any loop of Lua. On a busy machine it takes longer than
the time it uses. Ctrl-C ends it.`,
			Example: `local t = os.clock()
busy(20)
assert(os.clock() - t >= 0.02)`},
		{Name: "wait", Params: "milliseconds", Call: func(ms float64) {}, raw: workWait,
			Doc: `Waits so many milliseconds, as a handler that asks a database does: fiber.sleep, in another unit.

Others run meanwhile, where the server's model lets them.`,
			Example: `local t = fiber.now()
wait(20)
assert(fiber.now() - t >= 0.02)`},
	}}
}

func workWait(L *glua.LState) int {
	v, ok := L.Get(1).(glua.LNumber)
	if !ok {
		L.RaiseError("wait: argument 1 (milliseconds): number expected, got %s", typeName(L.Get(1)))
	}
	d, why := milliseconds(float64(v))
	if why != "" {
		L.RaiseError("wait: argument 1 (milliseconds): %s", why)
	}
	return sleepFor(L, d)
}

func milliseconds(ms float64) (time.Duration, string) {
	switch {
	case math.IsNaN(ms):
		return 0, "number expected, got NaN"
	case ms < 0:
		return 0, "milliseconds cannot be negative"
	}
	return toDuration(ms / 1000)
}

// busy uses the time of the thread it runs on, which it keeps for itself meanwhile.
func busy(env *Env, ms float64) error {
	d, why := milliseconds(ms)
	if why != "" {
		return Misusef("milliseconds", "%s", why)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	x := uint64(88172645463325252)
	for until := threadTime() + d; threadTime() < until && x != 0; {
		select {
		case <-env.Done():
			return nil // the run ends at its next instruction
		default:
			x = burn(x)
		}
	}
	return nil
}

// burn computes for some ten microseconds.
//
//go:noinline
func burn(x uint64) uint64 {
	for range 5000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// threadTime is how much processor time the calling thread has used. The call cannot block, so the scheduler need not
// know of it.
func threadTime() time.Duration {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}
