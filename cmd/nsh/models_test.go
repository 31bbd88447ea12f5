package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLuaModels grades each of docs/models with the suite that nsh's own models pass: every row that applies holds.
func TestLuaModels(t *testing.T) {
	t.Parallel()
	eachScript(t, "models", 4, 80, func(t *testing.T, name, _ string) {
		// Not as a program: on a machine that does other things a row may need more than the ten seconds that it has there.
		out, errs, code := nsh(t, root, "", "--host", "-e", `assert(loadfile("docs/models/`+name+`"))("required")
local t = server.test("my-`+strings.TrimSuffix(name, ".lua")+`", {timeout = 40})
print(t)
os.exit(t.failed == 0 and t.held >= 14 and 0 or 1)`)
		if code != 0 || errs != "" || !strings.Contains(out, "ok   send across\n") || !strings.Contains(out, "14 of 14 rows hold") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	})
}

// TestLuaModelAsProgram: a model's file, run as a program in a network of its own, grades itself.
func TestLuaModelAsProgram(t *testing.T) {
	t.Parallel()
	out, errs, _ := nsh(t, root, "", "docs/models/epoll.lua")
	for _, want := range []string{"ok   echo\n", "skip datagrams: ", "rows that do not hold"} {
		if !strings.Contains(out, want) || errs != "" {
			t.Fatalf("%s%s\nwanted: %s", out, errs, want)
		}
	}
}

// TestModelsOfTheGuide grades the engines that docs/models.md has in three lines each.
func TestModelsOfTheGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/models.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```lua\nrun = function(listener, handler)")
	block, _, ok := strings.Cut(after, "```")
	if !ok || strings.Count(block, "run = function") != 2 {
		t.Fatalf("docs/models.md has no such block: %s", block)
	}
	engines := strings.ReplaceAll("run = function(listener, handler)"+block, "run = function", "engines[#engines + 1] = function")
	out, errs, code := nsh(t, root, "", "-e", `engines = {} `+engines+`
for i, at_once in ipairs{1, 0, 4} do
  server.define("mine-" .. i, {style = "linear", at_once = at_once, run = engines[i]})
  local t = server.test("mine-" .. i, {timeout = 40})
  if t.failed > 0 or t.held < 13 then os.exit(1) end
end
os.exit(#engines - 3)`)
	if code != 0 || errs != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// TestLuaModelsShortOfDescriptors: while no descriptor is free, clients wait in the queue, failed accepts are counted, and
// few; when there are some again, everybody is served.
func TestLuaModelsShortOfDescriptors(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"select", "poll", "epoll", "coroutine"} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := start(t, root, "", "sh", "-c", `ulimit -n 64 && exec "$0" "$@"`, exe, "--host", "-e", `
assert(loadfile("docs/models/`+name+`.lua"))("required")
local function eventually(what, f) local t = fiber.now() repeat if f() then return end fiber.sleep(0.01) until fiber.now() - t > 20 error("never: " .. what) end
local s = assert(server.start{model = "my-`+name+`", handler = "echo"})
local first = assert(client.dial(s.addr)) first:send("x") assert(first:recv(1) == "x") first:close()
local clients, kept = {}, {sys.pipe()}
for i = 1, 8 do clients[i] = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM)) end
repeat local fd = kept[1]:dup() kept[#kept + 1] = fd until not fd
for i, c in ipairs(clients) do assert(c:connect(s.addr)) c:send("client " .. i) end
eventually("EMFILE", function() return next(s:stats().reasons) and next(s:stats().reasons):find("EMFILE", 1, true) end)
local before, used = s:stats().errors, os.clock()
fiber.sleep(0.5)
assert(s:stats().errors - before <= 12, s:stats().errors - before)
assert(os.clock() - used < 0.3, os.clock() - used)
for _, fd in ipairs(kept) do fd:close() end
for i, c in ipairs(clients) do assert(c:recv(100) == "client " .. i) c:close() end
eventually("all are closed", function() return s:stats().closed == 9 end)
s:stop()
print("served", s:stats().accepted)`)
			if code != 0 || !strings.Contains(out, "served\t9") || !strings.Contains(errs, "EMFILE") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}
