package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// profilePath is where the go command looks for a profile when it builds nsh: what is called often is put in line, and what
// an interface stands for most often is called without it.
const profilePath = "cmd/nsh/default.pgo"

// profiled is what nsh is watched at: the models, and Lua that serves, and Lua that computes.
var profiled = []struct {
	n      int
	script string
}{
	{64, `{model = "epoll", handler = "echo"}`},
	{64, `{model = "poll", handler = "echo"}`},
	{1000, `{model = "epoll", handler = "echo"}`},
	{64, `{model = "coroutine", handler = "echo"}`},
	{64, `{model = "uring", handler = "echo"}`},
	{64, `{model = "thread", handler = "echo"}`},
	{64, `{model = "goroutine", handler = "echo"}`},
	{64, `{model = "epoll", on_data = function(conn, data) return data end}`},
	{64, `{model = "coroutine", handler = function(conn) for data in function() return conn:recv() end do conn:send(data) end end}`},
	{4, `{model = "epoll", on_data = function(conn, data)
  local numbers, words = {}, {}
  for i = 1, 2000 do numbers[i], words[i] = i * 7919 % 100003, tostring(i) .. "x" end
  table.sort(numbers)
  for word in table.concat(words):gmatch("%d+") do end
  local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
  fib(14)
  return data
end}`},
}

// buildProfiled makes the nsh that is watched.
func buildProfiled(bin string) error {
	cmd := exec.Command("go", "build", "-o", filepath.Join(bin, "watched"), "./engines/bench/watched") // without a profile: it has none
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("./engines/bench/watched: %s", out)
	}
	return nil
}

// writeProfile watches nsh at each for some seconds, and makes one profile of all.
func writeProfile(t *tools, seconds float64) error {
	merge := []string{"tool", "pprof", "-proto", "-output", profilePath}
	for i, p := range profiled {
		file := filepath.Join(t.bin, fmt.Sprintf("%d.profile", i))
		os.Remove(file)
		err := t.watch(p.n, "local s = assert(server.start"+p.script+") print(s.port) s:wait()", file, seconds)
		if err != nil {
			return fmt.Errorf("%s: %w", p.script, err)
		}
		merge = append(merge, file)
	}
	if out, err := exec.Command("go", merge...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %s", strings.Join(merge, " "), out)
	}
	fmt.Println("written:", profilePath)
	return nil
}

// watch loads a server, and has it write its profile.
func (t *tools) watch(n int, script, file string, seconds float64) error {
	cmd := exec.Command(filepath.Join(t.bin, "watched"), "--host", "-e", script)
	cmd.Env = append(os.Environ(), "NSH_PROFILE="+file)
	r, err := t.startCommand(cmd)
	if err != nil {
		return err
	}
	defer r.stop()
	if _, err := t.load("echo", n, seconds, 0.1, r); err != nil {
		return err
	}
	r.cmd.Process.Signal(syscall.SIGUSR1)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			time.Sleep(100 * time.Millisecond) // it is written in one go
			return nil
		}
	}
	return fmt.Errorf("no profile: %s", r.says.String())
}
