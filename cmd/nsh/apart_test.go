package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestChildProcesses runs servers with children in a file's own network, where there are no files to start nsh from, and
// on the machine's.
func TestChildProcesses(t *testing.T) {
	dir := t.TempDir()
	const script = `
local greet = require "greet"
for _, model in ipairs{"process", "prefork"} do
  local n = 0
  local s = assert(server.start{model = model, workers = model == "prefork" and 1 or nil, handler = function(conn)
    n = n + 1
    print(greet(model, n, conn:recv("line")))
    conn:send("served\n")
    if n == 2 then os.exit(7) end
  end})
  for i = 1, 2 do
    local c = assert(client.dial(s.addr))
    c:send("client " .. i .. "\n")
    assert(c:recv("line") == "served")
    assert(c:recv() == nil)
  end
  local echo = assert(server.start{model = model, handler = "echo"})
  local c = assert(client.dial(echo.addr))
  c:send("x") assert(c:recv() == "x")
  local t, want = fiber.now(), model == "process" and 1 or 4
  while echo:stats().processes ~= want and fiber.now() - t < 10 do fiber.sleep(0.01) end
  assert(echo:stats().processes == want)
end`
	for name, text := range map[string]string{
		"lab.lua":   script,
		"greet.lua": `return function(model, n, line) return model .. " " .. n .. ": " .. line end`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const want = "process 1: client 1\nprocess 1: client 2\nprefork 1: client 1\nprefork 2: client 2\n"
	for _, args := range [][]string{{"lab.lua"}, {"--host", "lab.lua"}} {
		out, errs, code := nsh(t, dir, "", args...)
		if code != 0 || out != want || errs != "" {
			t.Errorf("nsh %v: exit code %d\n%s%swanted\n%s", args, code, out, errs, want)
		}
	}
}
