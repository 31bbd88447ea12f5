package std

import (
	"syscall"
	"testing"
)

// needDescriptors skips where this process may not hold so many.
func needDescriptors(t *testing.T, n uint64) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < n {
		t.Skipf("RLIMIT_NOFILE is %d here (%v), and %d are needed", limit.Cur, err, n)
	}
}

// Two thousand connections: select serves those whose descriptors have a bit, refuses the others with a reason, and goes
// on. The same crowd is no trouble to poll and epoll.
func TestTwoThousandConnections(t *testing.T) {
	needDescriptors(t, 4200)
	crowd := conformance + `
local s = assert(server.start{model = MODEL, handler = "echo", backlog = 2000})
local crowd = client.open{to = s.addr, n = 2000}
assert(crowd.n == 2000, crowd.n)
eventually("all are accepted", function() return s:stats().accepted == 2000 end)
crowd:send("ping")
`
	each(t, []string{"select"}, crowd+`
local st = s:stats()
assert(st.errors > 900 and st.active < 1024, st.errors .. " errors, " .. st.active .. " active")
local n = 0
for why, count in pairs(st.reasons) do
  assert(why:find("FD_SETSIZE") and why:find("held by"), why)
  n = n + count
end
assert(n == st.errors and st.active + n == 2000, n)
crowd:reset() -- and not close: thousands of ports in TIME_WAIT would be in the way of other tests
eventually("all are closed", function() return s:stats().active == 0 end)
local c = assert(client.dial(s.addr))
c:send("again") assert(c:recv(5, {timeout = 5}) == "again")`)
	each(t, []string{"poll", "epoll", "uring"}, crowd+`
assert(crowd:recv(4) == 2000)
assert(s:stats().errors == 0 and s:stats().active == 2000)
crowd:reset()`)
}
