package sys

import (
	"fmt"
	"os"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"golang.org/x/sys/unix"
)

// Every call that waits, waits for its own fiber only, and ends at once when the fiber is cancelled, its time is over,
// or the descriptor is closed by somebody else.
func TestWaiting(t *testing.T) {
	for name, call := range map[string]string{
		"accept":   `local s = listener() return s, function() return s:accept() end`,
		"recv":     `local c, a = pair() return c, function() return c:recv(10) end`,
		"recvfrom": `local u = socket(UDP) u:bind(":0") return u, function() return u:recvfrom(10) end`,
		"waitall":  `local c, a = pair() a:send("abc") return c, function() return select(2, c:recv(3), c:recv(10, sys.MSG_WAITALL)) end`,
		"read":     `local r, w = sys.pipe() return r, function() return r:read(10) end`,
		"write":    `local r, w = sys.pipe() return w, full(w, w.write)`,
		"send":     `local c, a = pair() return c, full(c, c.send)`,
		"connect": `local s, addr = listener(0) socket():connect(addr)
			local c = socket() return c, function() return c:connect(addr) end`,
		"select": `local r, w = sys.pipe() local c = pair() return r, function() return sys.select({c, r}, {}, {r}) end`,
		"poll":   `local r, w = sys.pipe() local c = pair() return r, function() return sys.poll({{c, "IN"}, {fd = r, events = "IN|PRI"}}) end`,
		"epoll":  `local ep = sys.epoll() ep:register(sys.pipe(), "IN") return ep, function() return ep:wait() end`,
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, fmt.Sprintf(`
local function full(fd, write)
  fd:setnonblock(true) while write(fd, ("x"):rep(4096)) do end fd:setnonblock(false)
  return function() return write(fd, ("x"):rep(2 ^ 22)) end
end
local function waits() %s end
local fd, call = waits()
local f = fiber.spawn(call)
local turns = 0
for i = 1, 10 do fiber.sleep(0.005) turns = turns + 1 end    -- the others go on
local t = fiber.now()
f:cancel()
local ok, err = f:join(5)
equal(ok, nil) equal(err.code, "ECANCELED") assert(fiber.now() - t < 1)
if %q ~= "connect" then                                       -- which goes on behind: EALREADY
  takes(0.05, function() fails("ETIMEDOUT", fiber.timeout(0.05, call)) end)
end
fd, call = waits()
local answer, begun
f = fiber.spawn(function() begun = true answer = {call()} end)
eventually("begun", function() return begun end)
fiber.sleep(0.1) equal(answer, nil)
t = fiber.now()
fd:close()
assert(f:join(5)) assert(fiber.now() - t < 1)
if %q == "send" and answer[1] then return end              -- the kernel had found room for a part of it
fails("EBADF", unpack(answer, 1, 2))`, call, name, name))
		})
	}
}

// Many wait at once, each on a thread; what is too much is refused and not the end of the program.
func TestManyWait(t *testing.T) {
	holds(t, fmt.Sprintf(`
local most, more = %d, 50
local r, w = sys.pipe()
local waiting, refused, fibers = 0, 0, {}
for i = 1, most + more do
  fibers[i] = fiber.spawn(function()
    local got, err = sys.select({r}, {}, {})
    if not got then equal(err.code, "ENOMEM") refused = refused + 1 else waiting = waiting + 1 end
  end)
end
eventually("refused", function() return refused == more end)
w:write("x")
for i = 1, most + more do assert(fibers[i]:join(10)) end
equal(waiting, most)`, mostWaiting()))
}

// TestInput has the standard input as one descriptor among others, and never makes it non-blocking.
func TestInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	saved, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(saved)
	defer unix.Dup2(saved, 0)
	if err := unix.Dup2(int(r.Fd()), 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(0, false); err != nil {
		t.Fatal(err)
	}
	before, _ := unix.FcntlInt(0, unix.F_GETFL, 0)
	fmt.Fprint(w, "typed\n")
	holds(t, `
equal(sys.stdin:fileno(), 0)
equal(sys.select({sys.stdin}, {}, {}, 1)[1], sys.stdin)
equal(sys.poll({{sys.stdin, "IN"}}, 1)[1].fd, sys.stdin)
local ep = sys.epoll() assert(ep:register(sys.stdin, "IN")) equal(ep:wait(1)[1].fd, sys.stdin)
equal(sys.stdin:read(100), "typed\n")
takes(0.05, function() fails("ETIMEDOUT", fiber.timeout(0.05, function() return sys.stdin:read(1) end)) end)
local d = sys.stdin:dup() assert(d:fileno() > 2) d:setnonblock(true) fails("EAGAIN", sys.stdin:read(1)) d:close()
equal(sys.stdin:close(), true) raises("closed", sys.stdin.read, sys.stdin, 1)`)
	if after, _ := unix.FcntlInt(0, unix.F_GETFL, 0); after != before {
		t.Errorf("the flags of the standard input were %#x and are %#x", before, after)
	}
	w.Close()
	holds(t, `equal(sys.select({sys.stdin}, {}, {}, 1)[1], sys.stdin) equal(sys.stdin:read(1), "")`) // another world has its own
}

// TestScope: what a script leaves open is closed with it, newest first, those that are waited for included.
func TestScope(t *testing.T) {
	w := plugintest.New(t, Plugin())
	if _, err := w.Run(helpers + `
for i = 1, 30 do
  local s, addr = listener() local c = socket() c:connect(addr)
  local a = s:accept() sys.pipe() a:dup()
  fiber.spawn(function() c:recv(1) end)
  local ep = sys.epoll() ep:register(a, "IN")
  fiber.spawn(function() ep:wait() end)
end
fiber.sleep(0.05)`); err != nil {
		t.Fatal(err)
	}
	open := w.Root().Open()
	if len(open) < 30*7 || open[0][:5] != "epoll" {
		t.Errorf("%d are open, the newest is %q", len(open), open[0])
	}
}

// A call on a closed descriptor is the script's mistake, a second close the kernel's EBADF.
func TestClosed(t *testing.T) {
	holds(t, `
local s, addr = listener() local n = s:fileno()
equal(s:close(), true) fails("EBADF", s:close())
equal(tostring(s), "Fd " .. n .. " (closed)")
for _, call in ipairs{"accept", "getsockname", "getpeername", "fileno", "dup"} do
  raises("Fd:" .. call .. ": the descriptor is closed", s[call], s)
end
raises("closed", s.recv, s, 1) raises("closed", s.send, s, "x") raises("closed", s.setnonblock, s, true)
raises("closed", s.bind, s, ":0") raises("closed", s.sendto, s, "x", ":1")
raises("argument 1 (r): [1]: the descriptor is closed", sys.select, {s}, {}, {}, 0)
raises("argument 1 (fds): [2]: the descriptor is closed", sys.poll, {{sys.stdin, "IN"}, {s, "IN"}}, 0)
local ep = sys.epoll() raises("argument 1 (fd): the descriptor is closed", ep.register, ep, s, "IN")
ep:close() raises("Epoll:wait: the descriptor is closed", ep.wait, ep, 0) raises("closed", ep.register, ep, socket(), "IN")
with(socket(), function(x) s = x end) raises("closed", s.fileno, s)`)
}

// TestStorm has fibers call, cancel and close the same few descriptors in the middle of each other's waits. Nothing is
// used after its close, and nothing is left (the race detector looks on where it is on).
func TestStorm(t *testing.T) {
	holds(t, `
local pool = {}
local function fresh() local c, a = pair() return {c, a} end
for i = 1, 4 do pool[i] = fresh() end
local ep, stop, ops, fibers = sys.epoll(), fiber.now() + 1, 0, {}
local calls = {
  function(c, a) return c:send(("x"):rep(3000)) end,
  function(c, a) return a:recv(5000) end,
  function(c, a) return sys.select({c, a}, {}, {}, 0.01) end,
  function(c, a) return sys.poll({{c, "IN|OUT"}, {a, "IN"}}, 0.01) end,
  function(c, a) return ep:register(a, "IN") end,
  function(c, a) return ep:wait(0.005) end,
  function(c, a) local d = a:dup() local x = d:recv(10, sys.MSG_DONTWAIT) return d:close() end,
  function(c, a) return tostring(c) .. tostring(ep) end,
}
for n = 1, 12 do
  fibers[n] = fiber.spawn(function()
    while fiber.now() < stop do
      local i = math.random(#pool)
      local p = pool[i]
      if math.random(10) == 1 then
        pool[i] = fresh()
        p[1]:close() p[2]:close()
      else
        local ok, a, err = pcall(fiber.timeout, 0.01, calls[math.random(#calls)], p[1], p[2])
        if not ok and not tostring(a):find("is closed", 1, true) then error(a) end
        ops = ops + 1
      end
    end
  end)
end
for n = 1, 12 do assert(fibers[n]:join(15)) end
assert(ops > 50, ops)`)
}

// TestNoDescriptors: with none left for a wake-up, calls wait all the same, and can be cancelled. What accept says is
// accept's own EMFILE.
func TestNoDescriptors(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = min(200, limit.Cur)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	holds(t, `
local s, addr = listener(20) local c = socket() local r, w = sys.pipe() local ep = sys.epoll() ep:register(s, "IN")
local kept = {}
while true do
  local d, err = r:dup()
  if not d then equal(err.code, "EMFILE") break end
  kept[#kept + 1] = d
end
assert(c:connect(addr))
equal(ep:wait(5)[1].fd, s) fails("EMFILE", s:accept())
local waits = {}
for i, call in ipairs{function() return r:read(1) end, function() return sys.select({r}, {}, {}) end, function() return sys.poll({{r, "IN"}}) end} do
  waits[i] = fiber.spawn(call)
end
takes(0.1, function() equal(#sys.select({r}, {}, {}, 0.1), 0) end)
waits[1]:cancel() waits[2]:cancel()
equal(select(2, waits[1]:join(5)).code, "ECANCELED") equal(select(2, waits[2]:join(5)).code, "ECANCELED")
w:write("x") equal(select(2, waits[3]:join(5))[1].fd, r)
kept[1]:close() kept[2]:close() assert(s:accept())`)
}
