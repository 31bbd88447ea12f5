package sys

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// The child has copies: of variables, which two functions share there as here, and of descriptors.
func TestForkCopies(t *testing.T) {
	holds(t, `
local n, words = 1, {"a"}
local function count() n = n + 1 return n end
limit = 100
local r, w = sys.pipe()
local pid = assert(sys.fork(function(x, t, fd, none)
  count() count() limit = limit + 1 words[2] = "b"
  fd:write(table.concat({n, #words, limit, x, t.y, tostring(fd == w), tostring(none), sys.getppid()}, " "))
end, 7, {y = 8}, w, nil))
w:close()
equal(r:read(1000), "3 2 101 7 8 true nil " .. sys.getpid())
equal(r:read(1), "")
local who, how = assert(sys.waitpid(pid))
equal(who, pid) equal(how.code, 0) equal(how.signal, nil)
equal(n, 1) equal(#words, 1) equal(limit, 100)`)
}

// A connection ends when the last copy is closed; a listener listens as long as anybody has it.
func TestForkKeepsOpen(t *testing.T) {
	holds(t, `
local s, addr = listener()
local c = socket() c:connect(addr)
local conn = assert(s:accept())
local go_r, go_w = sys.pipe()
local pid = assert(sys.fork(function()
  go_w:close()
  conn:send("child")
  conn:close()
  go_r:read(1)
end))
go_r:close()
equal(c:recv(100), "child")
equal(#sys.select({c}, {}, {}, 0.1), 0, "the parent has a copy still:")
conn:send("parent") equal(c:recv(100), "parent")
conn:close()
equal(c:recv(100), "", "nobody has it:")
go_w:close()
sys.waitpid(pid)

local r, w = sys.pipe()
pid = assert(sys.fork(function() r:read(1) return s end))
r:close() s:close()
c = socket() assert(c:connect(addr), "the child has the listener:") c:close()
w:close() sys.waitpid(pid)
c = socket() fails("ECONNREFUSED", c:connect(addr))`)
}

// Sockets are what they were: datagrams, O_NONBLOCK, one that is closed.
func TestForkDescriptors(t *testing.T) {
	holds(t, `
local a, b = socket(UDP), socket(UDP)
a:bind(":0") b:bind(":0")
a:setnonblock(true)
local r, w = sys.pipe()
local shut = socket() shut:close()
sys.fork(function()
  local none, err = a:recv(10)
  local ok, why = pcall(shut.recv, shut, 1)
  a:sendto(err.code .. " " .. tostring(a) .. tostring(why), b:getsockname())
  w:write(sys.stdin:read(10) == "" and "empty" or "?")
  local more = socket() assert(more:bind(":0"))
end)
local text = b:recv(1000)
assert(text:find("EAGAIN Fd %d+ %(udp 127") and text:find("the descriptor is closed"), text)
equal(r:read(10), "empty")
local _, how = sys.waitpid() equal(how.code, 0)
local ep = sys.epoll()
raises("sys.fork: argument 1 (f): a child process has copies of what its function reaches: upvalue 'ep' of f is an Epoll, and cannot be copied", sys.fork, function() return ep end)
raises("argument 2 of f is an Epoll", sys.fork, print, 1, ep)
local many = {}
for i = 1, 70 do many[i] = socket(UDP) end
fails("EMFILE", sys.fork(function() return many end))
fails("ECHILD", sys.waitpid())`)
}

// How children end, and who hears of it.
func TestWaitpid(t *testing.T) {
	w := plugintest.New(t, Plugin())
	out, err := w.Run(helpers + `
fails("ECHILD", sys.waitpid())
fails("ECHILD", sys.waitpid(1))
raises("argument 1 (pid): the number of a child", sys.waitpid, 0)
raises("argument 2 (flags): sys.WNOHANG or 0 expected", sys.waitpid, 1, 99)
local function how(pid) local who, how = assert(sys.waitpid(pid)) equal(who, pid) return how.code or how.signal end
equal(how(sys.fork(function() end)), 0)
equal(how(sys.fork(function() os.exit(3) end)), 3)
equal(how(sys.fork(function() fiber.spawn(function() fiber.sleep(0.01) os.exit(4) end) fiber.sleep(100) end)), 4)
equal(how(sys.fork(function() fiber.spawn(function() while true do end end) end)), 0)
equal(how(sys.fork(function() print("before") local x = nil return x.y end)), 1)
local function forever() while true do end end
for _, sig in ipairs{"SIGKILL", "SIGTERM", "SIGINT"} do
  local pid = sys.fork(forever)
  equal(sys.waitpid(pid, sys.WNOHANG), 0)
  assert(sys.kill(pid, sys[sig])) equal(how(pid), sig)
  fails("EPERM", sys.kill(pid, sys.SIGTERM))
end
local a, b = sys.fork(forever), sys.fork(forever)
local f = fiber.spawn(function() return how(b) end)
fails("ETIMEDOUT", fiber.timeout(0.05, function() return sys.waitpid() end))
sys.kill(a, sys.SIGKILL) equal(sys.waitpid(), a)
sys.kill(b, sys.SIGKILL) equal(select(2, f:join()), "SIGKILL")
fails("ECHILD", sys.waitpid(-1, sys.WNOHANG))
fails("EPERM", sys.kill(1, sys.SIGKILL)) fails("EPERM", sys.kill(sys.getpid(), sys.SIGKILL))
raises("argument 2 (signal): a signal's number", sys.kill, 1, 99)`)
	if err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || lines[0] != "before" || !strings.HasPrefix(lines[1], "child ") || !strings.Contains(lines[1], ": test.lua:") || !strings.HasSuffix(lines[1], "attempt to index a nil value (local 'x')") {
		t.Errorf("printed %q", out)
	}
	if w.Failures() != 0 {
		t.Errorf("%d failures are counted; what children make of themselves waitpid says", w.Failures())
	}
}

// A child that has ended is a zombie until somebody waits for it; the script's end waits for all, and ends the others.
func TestForkLeavesNothing(t *testing.T) {
	w := plugintest.New(t, Plugin())
	out, err := w.Run(helpers + `
local pid = sys.fork(function() end)
local loop = sys.fork(function() while true do end end)
local stopped = sys.fork(function() fiber.sleep(1000) end)
sys.kill(stopped, sys.SIGSTOP)
local child = sys.fork(function() sys.fork(function() while true do end end) fiber.sleep(1000) end)
fiber.sleep(0.05)
print(pid, loop, stopped, child)`)
	if err != nil {
		t.Fatal(err, out)
	}
	state := func(pid string) string {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return ""
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		return rest[:1]
	}
	pids := strings.Fields(out)
	deadline := time.Now().Add(10 * time.Second)
	for state(pids[0]) != "Z" || state(pids[2]) != "T" {
		if time.Now().After(deadline) {
			t.Fatalf("the child that has ended is %q, the stopped one %q", state(pids[0]), state(pids[2]))
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	w.Close()
	if took := time.Since(began); took > 5*time.Second { // less than one where there is nothing else to do
		t.Errorf("the end took %v", took)
	}
	for _, pid := range pids {
		if s := state(pid); s != "" {
			t.Errorf("%s is %s after the end", pid, s)
		}
	}
}

// Threads are real, share what the script has, and end with what they do.
func TestThread(t *testing.T) {
	w := plugintest.New(t, Plugin())
	out, err := w.Run(helpers + `
local r, w = sys.pipe()
local n, tids, threads = 0, {}, {}
for i = 1, 50 do threads[i] = assert(sys.thread(function(x) n = n + x tids[i] = sys.gettid() return r:read(1) end, i)) end
eventually("all are there", function() return #tids == 50 end)
equal(n, 50 * 51 / 2)
print(table.concat(tids, " "))
w:write(("x"):rep(50))
for i = 1, 50 do local ok, got = threads[i]:join(5) assert(ok) equal(got, "x") end
local t = sys.thread(function() fiber.sleep(1000) end)
fiber.sleep(0.01) t:cancel() fails("ECANCELED", t:join(5))
fails("ERROR", sys.thread(function() error("in the thread") end):join(5))
raises("sys.thread: argument 1 (f): function expected", sys.thread, 1)
-- A close is a close for all: who waits has EBADF, who comes later raises.
local again = 0
t = sys.thread(function() local got, err = r:read(1) again = err.code return pcall(r.read, r, 1) end)
fiber.sleep(0.02) r:close()
local _, ok, why = t:join(5)
equal(again, "EBADF") equal(ok, false) assert(why:find("closed"), why)
sys.thread(function() fiber.sleep(1000) end)
local begun
sys.thread(function() begun = true error("nobody hears") end)
eventually("it runs", function() return begun end)`)
	if err != nil {
		t.Fatal(err, out)
	}
	seen := map[string]bool{}
	for _, tid := range strings.Fields(strings.SplitN(out, "\n", 2)[0]) {
		seen[tid] = true
	}
	if len(seen) != 50 {
		t.Errorf("50 threads that wait at once are %d: %s", len(seen), out)
	}
	w.Close()
	if w.Failures() != 1 {
		t.Errorf("%d failures are counted: the error that nobody has joined is one", w.Failures())
	}
}

// While a thread waits the kernel has a task with its number.
func TestThreadIsATask(t *testing.T) {
	w := plugintest.New(t, Plugin())
	out, err := w.Run(`r, w = sys.pipe() t = sys.thread(function() tid = sys.gettid() r:read(1) end) fiber.sleep(0.05) print(tid)`)
	if err != nil {
		t.Fatal(err)
	}
	task := fmt.Sprintf("/proc/self/task/%s/stat", strings.TrimSpace(out))
	if _, err := os.Stat(task); err != nil {
		t.Error(err)
	}
	if _, err := w.Run(`w:close() assert(t:join(5))`); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(task); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread is still there")
		}
	}
}
