package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIsolateReach: a handler in a thread's isolate may do what the script may, and no more: it reads below the script's
// folder and writes below that of --out, starts nothing, requires the script's modules, and is in its network.
func TestIsolateReach(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lab.lua": `
local other = assert(server.start{model = "thread", handler = "daytime"})
local addr = other.addr
local s = assert(server.start{model = "thread", isolate = true, handler = function(conn)
  print(require "greet", #assert(assert(client.dial(addr)):recv("line")) > 10, #sock.list{state = "LISTEN"})
  print(io.open("greet.lua"):read("*l"))
  print(io.open("/etc/passwd"))
  print(pcall(os.execute, "true"))
  print(pcall(os.getenv, "HOME"))
  local f = assert(io.open("said.txt", "w")) f:write("written by an isolate\n") f:close()
  print(io.open("../said.txt", "w"))
  conn:send("done\n")
end})
local c = assert(client.dial(s.addr)) assert(c:recv("line", {timeout = 10}) == "done")`,
		"greet.lua": `return "greetings"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := nsh(t, dir, "", "--out", "out", "lab.lua")
	lines := strings.Split(out, "\n")
	if code != 0 || errs != "" || len(lines) != 7 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for i, want := range []string{"greetings\ttrue\t2", `return "greetings"`, "nil\t", "false\t", "false\t", "nil\t"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %q, wanted %q", i+1, lines[i], want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "out", "said.txt"))
	if err != nil || string(text) != "written by an isolate\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestForkReach: a child of a file's fork is in the file's network, and may do no more than the file.
func TestForkReach(t *testing.T) {
	dir := t.TempDir()
	const text = `
local s = assert(server.start{model = "thread", handler = "daytime"})
local addr = s.addr
local pid = sys.fork(function()
  print(#assert(assert(client.dial(addr)):recv("line")) > 10, #sock.list{state = "LISTEN"})
  print(pcall(os.execute, "true"))
  print(io.open("/etc/passwd"))
  os.exit(3)
end)
local _, how = sys.waitpid(pid)
print(how.code)`
	if err := os.WriteFile(filepath.Join(dir, "lab.lua"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := nsh(t, dir, "", "lab.lua")
	lines := strings.Split(out, "\n")
	if code != 0 || errs != "" || len(lines) != 5 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for i, want := range []string{"true\t1", "false\t", "nil\t", "3"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %q, wanted %q", i+1, lines[i], want)
		}
	}
}

// TestIsolatesWithoutMemory: more connections than there is memory for Lua worlds are refused and counted, and the server
// goes on.
func TestIsolatesWithoutMemory(t *testing.T) {
	dir := t.TempDir()
	const text = `
local s = assert(server.start{model = "thread", isolate = true, backlog = 1000, handler = function(conn)
  local data = conn:recv(1)
  if data then conn:send(data) end
end})
local crowd = client.open{to = s.addr, n = 400}
check.within(30, function() local st = s:stats() return st.accepted == 400 and st.errors == 144, st end, "144 are refused")
for why in pairs(s:stats().reasons) do print(why) end
crowd:close()
check.within(30, function() return s:stats().threads == 0 end, "all have gone")
local c = assert(client.dial(s.addr))
c:send("x")
check.equal(c:recv(1, {timeout = 10}), "x", "it goes on")`
	if err := os.WriteFile(filepath.Join(dir, "lab.lua"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := nsh(t, dir, "", "--memory", "1G", "lab.lua")
	if code != 0 || errs != "" || !strings.Contains(out, "256 Lua worlds are as many as there is memory for") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
