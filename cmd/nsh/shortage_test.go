package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServersShortOfDescriptors: with 32 descriptors every model starts, says what it is short of, serves again when there are some,
// and stops in time. The clients are of the same process, and say it, too.
func TestServersShortOfDescriptors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const script = `
local function try(model, isolate)
  local s = assert(server.start{model = model, isolate = isolate, on_data = function(conn, data) return data end})
  local conns, why = {}
  repeat
    local c, err = client.dial(s.addr, {timeout = 5})
    conns[#conns + 1], why = c, err
    if c then c:send("x") c:recv({timeout = 0.05}) end
  until not c
  assert(why.code == "EMFILE" and #conns > 0, tostring(why))
  for reason in pairs(s:stats().reasons) do assert(reason:find("32") or reason:find("too many open files"), reason) end
  for _, c in ipairs(conns) do c:close() end
  local t, got = fiber.now()
  repeat
    local c = client.dial(s.addr, {timeout = 5})
    if c then c:send("again") got = c:recv(5, {timeout = 5}) c:close() end
  until got or fiber.now() - t > 20
  assert(got == "again", "it serves again")
  t = fiber.now()
  s:stop()
  assert(fiber.now() - t < 5, fiber.now() - t)
  print(model, isolate)
end
for _, m in ipairs(server.models()) do
  if m.available then try(m.name) end
end
try("thread", true) try("threadpool", true)
local fds = {}
repeat local fd, err = sys.socket(sys.AF_INET, sys.SOCK_STREAM) fds[#fds + 1] = fd until not fd
print(select(2, sys.fork(function() end)).code)
fds[1]:close() fds[2]:close()
print(select(2, sys.fork(function() end)).code)`
	if err := os.WriteFile(filepath.Join(dir, "few.lua"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--host", "few.lua"}, {"few.lua"}} {
		out, errs, code := start(t, dir, "", append([]string{"sh", "-c", `ulimit -n 32; exec "$@"`, "sh", binary(t)}, args...)...)
		if code != 0 || strings.Count(out, "\n") < 12 || !strings.HasSuffix(out, "EMFILE\nEMFILE\n") {
			t.Errorf("nsh %v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
}
