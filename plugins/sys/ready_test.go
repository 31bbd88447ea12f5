package sys

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSelect(t *testing.T) {
	holds(t, `
local c, a = pair() local r, w = sys.pipe()
local function names(list) local out = {} for i, x in ipairs(list) do out[i] = x == c and "c" or x == a and "a" or x == r and "r" or x == w and "w" or "?" end return table.concat(out) end
local function look(timeout) local x, y, z = sys.select({r, a, c}, {w, c}, {a}, timeout) return names(x) .. "/" .. names(y) .. "/" .. names(z) end
equal(look(0), "/wc/")
c:send("x") w:write("y") equal(look(1), "ra/wc/")
a:recv(1) r:read(1)
c:send("!", sys.MSG_OOB) equal(eventually("urgent", function() local s = look(0) return s:find("a", 1, true) and s end):sub(-2), "/a")
equal(a:recv(1, sys.MSG_OOB), "!")
takes(0.05, function() local x, y, z = sys.select({r}, nil, nil, 0.05) equal(#x + #y + #z, 0) end)
takes(0.05, function() sys.select({}, {}, {}, 0.05) end)
w:close() equal(names((sys.select({r}, {}, {}, 1))), "r") equal(r:read(1), "")
raises("argument 1 (r): [2]: Fd expected, got 1.5", sys.select, {r, 1.5}) raises("[1]: Fd expected, got -1", sys.select, {-1}) raises("argument 2 (w): [1]: Fd expected, got table", sys.select, {}, {{}})
raises("seconds cannot be negative", sys.select, {}, {}, {}, -1)`)
}

// TestNumbers: descriptors can be waited for by their bare numbers, as in C, and come back as numbers.
func TestNumbers(t *testing.T) {
	holds(t, `
local r, w = sys.pipe() local n = r:fileno()
equal(#sys.select({n}, {}, {}, 0), 0) w:write("x")
equal(sys.select({n}, {}, {}, 1)[1], n) equal(sys.poll({{n, "IN"}}, 1)[1].fd, n) equal(select(2, sys.select({}, {w:fileno()}, {}, 1))[1], w:fileno())
local ep = sys.epoll() ep:register(n, "IN") fails("EEXIST", ep:register(n, "IN")) fails("EEXIST", ep:register(r, "IN"))
equal(ep:wait(1)[1].fd, n) equal(ep:unregister(n), true) equal(#ep:wait(0), 0)
equal(sys.poll({{900, "IN"}}, 0)[1].events, sys.POLLNVAL) fails("EBADF", ep:register(900, "IN"))`)
}

// TestSelectLimit: descriptor 1024 has no bit; poll and epoll have no such end. The wake-up has no bit either then, and
// the call can be cancelled all the same.
func TestSelectLimit(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 1200 {
		t.Skipf("RLIMIT_NOFILE is %d", limit.Cur)
	}
	holds(t, `
local low, low2 = sys.pipe() local kept = {}
for i = 1, 1030 do kept[i] = low:dup() end
local high = kept[#kept] assert(high:fileno() >= 1024)
fails("EINVAL", sys.select({low, high}, {}, {}, 0)) fails("EINVAL", sys.select({}, {}, {high}, 0))
local _, err = sys.select({}, {high}, {}) assert(tostring(err):find("descriptor " .. high:fileno() .. " has no bit", 1, true), tostring(err))
takes(0.1, function() fails("ETIMEDOUT", fiber.timeout(0.1, function() return sys.select({low}, {}, {}) end)) end)
takes(0.1, function() equal(#sys.select({low}, {}, {}, 0.1), 0) end)
fiber.spawn(function() fiber.sleep(0.05) low2:write("x") end)
equal(sys.select({low}, {}, {}, 5)[1], low)
equal(sys.poll({{high, "IN"}}, 1)[1].fd, high)
local ep = sys.epoll() ep:register(high, "IN") equal(ep:wait(1)[1].fd, high)`)
}

func TestPoll(t *testing.T) {
	holds(t, `
local c, a = pair() local r, w = sys.pipe()
equal(#sys.poll({}, 0), 0) takes(0.05, function() sys.poll({}, 0.05) end)
takes(0.05, function() equal(#sys.poll({{r, "IN"}, {a, sys.POLLIN}}, 0.05), 0) end)
a:send("x")
local rows = sys.poll({{r, "IN"}, {fd = c, events = "POLLIN|OUT"}, {w, "OUT"}})
equal(#rows, 2) equal(rows[1].fd, c) equal(rows[1].events, sys.POLLIN + sys.POLLOUT) equal(rows[1][2], rows[1].events)
local fd, events = unpack(rows[2]) equal(fd, w) equal(events, sys.POLLOUT)
r:close() equal(sys.has(sys.poll({{w, 0}}, 1)[1].events, "ERR"), true) fails("EPIPE", w:write("x"))
a:close() equal(sys.poll({{c, "RDHUP"}}, 1)[1].events, sys.POLLRDHUP)
raises("did you mean 'IN'?", sys.poll, {{c, "INN"}}) raises("event \"\" unknown; there are: IN, PRI", sys.poll, {{c, ""}})
raises("argument 1 (fds)[1].events", sys.poll, {{c}}) raises("15 bits", sys.poll, {{c, 2 ^ 20}})
equal(sys.has("IN|OUT", "OUT"), true) equal(sys.has(sys.EPOLLIN + sys.EPOLLET, "EPOLLET|EPOLLIN"), true) equal(sys.has(sys.EPOLLHUP, sys.EPOLLIN), false)
raises("argument 2 (wanted): event \"INT\" unknown", sys.has, 1, "INT") raises("argument 1 (events)", sys.has, {}, "IN")`)
}

func TestEpoll(t *testing.T) {
	holds(t, `
local c, a = pair() local ep = assert(sys.epoll())
equal(#ep:wait(0), 0) takes(0.05, function() equal(#ep:wait(0.05), 0) end)
equal(ep:register(a, "IN"), true) fails("EEXIST", ep:register(a, "IN"))
fails("ENOENT", ep:modify(c, "IN")) fails("ENOENT", ep:unregister(c)) fails("EINVAL", ep:register(ep, "IN"))
c:send("xy")
local row = ep:wait()[1]
equal(row.fd, a) equal(row.events, sys.EPOLLIN) equal(row[1], a)
equal(#ep:wait(0), 1, "the level holds") a:recv(1) equal(#ep:wait(0), 1, "still") a:recv(1) equal(#ep:wait(0), 0)
ep:modify(a, "IN|ET") c:send("xy")
equal(#ep:wait(1), 1) a:recv(1) equal(#ep:wait(0), 0, "an edge, once") c:send("z") equal(#ep:wait(1), 1, "the next one") a:recv(9)
ep:modify(a, "IN|ONESHOT") c:send("x") equal(#ep:wait(1), 1) c:send("x") equal(#ep:wait(0.02), 0) ep:modify(a, "IN") equal(#ep:wait(0), 1)
equal(ep:unregister(a), true) equal(#ep:wait(0), 0)
ep:register(a, sys.EPOLLIN + sys.EPOLLRDHUP) a:recv(9) c:close()
equal(ep:wait(1)[1].events, sys.EPOLLIN + sys.EPOLLRDHUP)
-- Closed without being unregistered: the kernel forgets it, unless there is a dup.
local ghost = a:dup() local n = a:fileno() a:close()
row = ep:wait(1)[1] equal(row.fd, a) raises("closed", row.fd.recv, row.fd, 1)
ghost:close() equal(#ep:wait(0), 0)
-- Its number is another's now; the old object does not come back.
local r, w = sys.pipe() ep:register(r, "IN") w:write("x") equal(ep:wait(1)[1].fd, r)
-- An epoll in another one.
local outer = sys.epoll() outer:register(ep, "IN") equal(outer:wait(1)[1].fd, ep)`)
}

// TestEpollFile: a file is always ready, and epoll says EPERM to it.
func TestEpollFile(t *testing.T) {
	f, err := os.Open("epoll.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	saved, _ := unix.Dup(0)
	defer unix.Close(saved)
	defer unix.Dup2(saved, 0)
	if err := unix.Dup2(int(f.Fd()), 0); err != nil {
		t.Fatal(err)
	}
	holds(t, `fails("EPERM", sys.epoll():register(sys.stdin, "IN")) equal(sys.stdin:read(7), "package")`)
}

// TestSweep: a server that closes without unregistering, as C's do, does not grow.
func TestSweep(t *testing.T) {
	holds(t, `
local ep = sys.epoll()
local kept = {}
for i = 1, 5000 do
  local r, w = sys.pipe()
  ep:register(r, "IN")
  if i % 100 == 0 then kept[#kept + 1] = {r, w} else r:close() w:close() end
end
local n = tonumber(tostring(ep):match("(%d+) registered"))
assert(n >= 50 and n < 250, n)
for _, p in ipairs(kept) do p[2]:write("x") end
equal(#ep:wait(1), 50)`)
}

func TestMemory(t *testing.T) {
	holds(t, fmt.Sprintf(`
local m = assert(sys.memory(%d))
assert(m.rss > 2 ^ 20 and m.rss == m.shared + m.private and m.pss <= m.rss)
assert(sys.memory().rss > 2 ^ 20)
fails("ESRCH", sys.memory(2 ^ 30)) fails("ESRCH", sys.memory(-1)) fails("ESRCH", sys.memory(0))`, os.Getpid()))
}

// TestReuse: a number that is used again is never mistaken for the one before.
func TestReuse(t *testing.T) {
	holds(t, `
local r, w = sys.pipe()
local waited = fiber.spawn(function() return r:read(10) end)
fiber.sleep(0.02)
local n = r:fileno()
r:close()
local again = sys.pipe() equal(again:fileno(), n)
local ok, none, err = waited:join(5) equal(ok, true) fails("EBADF", none, err)`)
}

// TestConstants: every option and event is a field, and no name stands for two numbers.
func TestConstants(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range constants() {
		if seen[c.Name] || c.Doc == "" || !strings.HasSuffix(c.Doc, ".") {
			t.Errorf("%s: twice, or without a sentence: %q", c.Name, c.Doc)
		}
		seen[c.Name] = true
	}
	for _, name := range strings.Fields("AF_INET AF_INET6 SOCK_STREAM SOL_SOCKET SO_REUSEADDR TCP_NODELAY IP_TTL SHUT_WR EPOLLIN EPOLLET POLLIN MSG_PEEK stdin") {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
