package std

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// isolatedThreads are models whose threads run handlers in isolates.
var isolatedThreads = []string{"thread isolated", "threadpool isolated"}

// named sets MODEL and ISOLATE.
func named(m string) string {
	model, isolated := strings.CutSuffix(m, " isolated")
	return fmt.Sprintf("local MODEL, ISOLATE = %q, %t or nil", model, isolated)
}

func TestHandlerFails(t *testing.T) {
	for _, m := range slices.Concat(everyModel, apartModels, isolatedThreads) {
		t.Run(m, func(t *testing.T) {
			plugintest.NeedsModel(t, m, All()...)
			w := plugintest.New(t, All()...)
			defineIn(t, w, m)
			out, err := w.Run(fmt.Sprintf(`%s
local why
local s = assert(server.start{model = MODEL, isolate = ISOLATE,
  on_data = function(conn, data) if data == "fail" then local x = nil; return x.field end return data end,
  on_close = function(conn, err) why = err end})
for i = 1, 3 do
  local c = assert(client.dial(s.addr))
  c:send("fail") c:recv({timeout = 5}) c:close()
end
local c = assert(client.dial(s.addr))
c:send("fine") assert(c:recv(4, {timeout = 5}) == "fine")
c:close()
local t = fiber.now()
while (s:stats().closed < 4 or s:stats().errors < 3) and fiber.now() - t < 5 do fiber.sleep(0.005) end
assert(s:stats().errors == 3, s:stats().errors)`, named(m)))
			if err != nil {
				t.Error(err)
			}
			if n := strings.Count(out, "handler: test.lua:4: attempt to index"); n != 1 {
				t.Errorf("the error was printed %d times:\n%s", n, out)
			}
			if strings.Contains(out, ".go:") {
				t.Error(out)
			}
		})
	}
}

// A handler that throws on every event ends its connections one by one; the server goes on, counts, prints each text
// once, and stops in time with connections open.
func TestHandlerThrowsAlways(t *testing.T) {
	for _, m := range slices.Concat(everyModel, apartModels, isolatedThreads) {
		t.Run(m, func(t *testing.T) {
			plugintest.NeedsModel(t, m, All()...)
			w := plugintest.New(t, All()...)
			defineIn(t, w, m)
			out, err := w.Run(fmt.Sprintf("%s\n%s", named(m), conformance+`
local s = assert(server.start{model = MODEL, isolate = ISOLATE,
  on_open = function() error("at the open") end, on_data = function() error("at the data") end,
  on_writable = function() error("at the room") end, on_close = function() error("at the close") end})
for i = 1, 25 do
  local c = assert(client.dial(s.addr))
  c:send("hello") c:recv({timeout = 5}) c:close()
end
eventually("all have ended", function() return s:stats().closed == 25 end)
eventually("all are counted", function() return s:stats().errors == 50 end)
s:stop()
s = assert(server.start{model = MODEL, isolate = ISOLATE, on_data = function() error("at the data") end, on_close = function() error("at the close") end})
for i = 1, 25 do
  local c = assert(client.dial(s.addr))
  c:send("hello") c:recv({timeout = 5}) c:close()
end
eventually("all have ended", function() return s:stats().closed == 25 end)
eventually("all are counted", function() return s:stats().errors == 50 end)
for i = 1, 5 do assert(client.dial(s.addr)) end
eventually("one at least is served", function() return s:stats().active > 0 end)
local t = fiber.now()
s:stop()
assert(fiber.now() - t < 1, fiber.now() - t)
assert(s:stats().active == 0)`))
			if err != nil {
				t.Error(err)
			}
			for _, text := range []string{"at the open", "at the data", "at the close"} {
				if n := strings.Count(out, text); n < 1 || n > 2 { // once for each server
					t.Errorf("%q was printed %d times:\n%s", text, n, out)
				}
			}
		})
	}
}
