package sys

import (
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, Plugin()) }

func TestExamples(t *testing.T) { plugintest.Examples(t, Plugin()) }

// holds runs Lua that asserts what it does.
func holds(t *testing.T, source string) {
	t.Helper()
	w := plugintest.New(t, Plugin())
	if out, err := w.Run(helpers + source); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// helpers are what the tests' scripts begin with.
const helpers = `
local TCP, UDP = sys.SOCK_STREAM, sys.SOCK_DGRAM
local function equal(got, wanted, what)
  if got ~= wanted then error((what or "") .. " got " .. tostring(got) .. ", wanted " .. tostring(wanted), 2) end
end
local function fails(code, ok, err)
  if ok ~= nil or not err or err.code ~= code then error("got " .. tostring(ok) .. ", " .. tostring(err and err.code) .. ", wanted " .. code, 2) end
end
local function raises(text, f, ...)
  local ok, why = pcall(f, ...)
  if ok or not tostring(why):find(text, 1, true) then error("got " .. tostring(why) .. ", wanted " .. text, 2) end
end
local function socket(kind, family) return assert(sys.socket(family or sys.AF_INET, kind or TCP)) end
local function listener(n, family)
  local s = socket(TCP, family) assert(s:bind(":0")) assert(s:listen(n or 5))
  return s, s:getsockname()
end
local function pair()
  local s, addr = listener()
  local c = socket() assert(c:connect(addr))
  local a = assert(s:accept()) s:close()
  return c, a
end
local function takes(s, f)
  local t = fiber.now() f() t = fiber.now() - t
  if t < s * 0.8 or t > s + 2 then error(("took %.3f s, not %.3f"):format(t, s), 2) end
end
local function eventually(what, f)
  local t = fiber.now()
  repeat local x = f() if x then return x end fiber.sleep(0.002) until fiber.now() - t > 5
  error("never: " .. what, 2)
end
`
