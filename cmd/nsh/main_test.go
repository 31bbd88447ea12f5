package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins"
)

// asNsh makes this test binary be nsh: the tests below run the real program.
const asNsh = "NSH_TEST_BE_NSH"

func TestMain(m *testing.M) {
	if os.Getenv(asNsh) != "" || len(os.Args) > 1 && strings.HasPrefix(os.Args[1], plugins.RolePrefix) {
		main()
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", fmt.Sprint(2*runtime.GOMAXPROCS(0))) // what is parallel here waits more than it computes
	}
	code := m.Run()
	forgetBinary()
	os.Exit(code)
}

// nsh runs nsh in a folder, within a bound.
func nsh(t *testing.T, dir, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return start(t, dir, stdin, append([]string{"/proc/self/exe"}, args...)...)
}

// start runs a program that is nsh, or becomes it.
func start(t *testing.T, dir, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asNsh+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return whereIsIt(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("nsh %v did not end; printed:\n%s%s", args, out.String(), errs.String())
	}
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// whereIsIt ends a nsh that hangs in such a way that it says where everybody was: the world in the fence, or nsh itself.
func whereIsIt(p *os.Process) error {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.Pid))
	found := false
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				syscall.Kill(pid, syscall.SIGQUIT)
				found = true
			}
		}
	}
	if found {
		return nil
	}
	return p.Signal(syscall.SIGQUIT)
}

const root = "../.."

// TestTour runs each section of examples.lua as somebody would who wants to see just that one.
func TestTour(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join(root, "examples.lua"))
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^section\("([^"]+)"`).FindAllStringSubmatch(string(src), -1)
	if len(sections) < 8 {
		t.Fatalf("examples.lua has %d sections", len(sections))
	}
	for _, s := range sections {
		t.Run(s[1], func(t *testing.T) {
			out, errs, code := nsh(t, root, "", "examples.lua", s[1])
			if code != 0 || !strings.Contains(out, "\nok ") || errs != "" {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
	if _, errs, code := nsh(t, root, "", "examples.lua", "no such section"); code != 1 || !strings.Contains(errs, "no such section") {
		t.Errorf("a section that is not there: exit code %d, %s", code, errs)
	}
}

// TestReadme runs every Lua example of the README as a script file, and TestModelsPage those of docs/models.md.
func TestReadme(t *testing.T) {
	t.Parallel()
	examplesOf(t, "README.md", 5)
}

func TestModelsPage(t *testing.T) {
	t.Parallel()
	examplesOf(t, "docs/models.md", 3)
}

func examplesOf(t *testing.T, page string, least int) {
	src, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(src), -1)
	if len(blocks) < least {
		t.Fatalf("%s has %d examples", page, len(blocks))
	}
	for i, b := range blocks {
		dir := t.TempDir()
		os.Chmod(dir, 0o755)
		if err := os.WriteFile(filepath.Join(dir, "example.lua"), []byte(b[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		out, errs, code := nsh(t, dir, "", "example.lua")
		if code != 0 || out == "" && strings.Contains(b[1], "print(") || errs != "" {
			t.Errorf("example %d: exit code %d\n%s\n%s%s", i+1, code, b[1], out, errs)
		}
	}
}

// TestTranscript types what the README shows at the prompt, and compares what comes back; only ports may differ.
func TestTranscript(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(src), "<!-- transcript -->\n")
	var typed, want string
	for line := range strings.Lines(text) {
		line, ok := strings.CutPrefix(line, "    ")
		if !ok {
			break
		}
		if entry, ok := strings.CutPrefix(line, "nsh> "); ok {
			typed += entry
		} else {
			want += line
		}
	}
	if strings.Count(typed, "\n") < 5 {
		t.Fatalf("the README's transcript is %q", typed)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	// In a network of its own no other program has a socket with the server's port.
	got, _, code := start(t, t.TempDir(), typed, "/bin/sh", "-c", `exec "$0" -i --private 2>&1`, exe)
	if first, rest, _ := strings.Cut(got, "\n"); strings.Contains(first, "no network of its own") {
		got = rest
	}
	port := regexp.MustCompile(`(127\.0\.0\.1):\d{4,5}`)
	got, want = port.ReplaceAllString(tabs(got), "$1:PORT"), port.ReplaceAllString(want, "$1:PORT")
	if code != 0 || got != want {
		t.Errorf("exit code %d; the README shows\n%s\nand there was\n%s", code, want, got)
	}
}

// tabs sets tabs as a terminal does.
func tabs(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for {
			before, after, ok := strings.Cut(line, "\t")
			if !ok {
				break
			}
			line = before + strings.Repeat(" ", 8-len(before)%8) + after
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestSideBySide runs two scripts that listen on the same port, at the same time: each has a network of its own.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := `
		local s = assert(server.start{addr = "127.0.0.1:7", handler = "echo"})
		fiber.sleep(0.3)
		local c = assert(client.dial("127.0.0.1:7"))
		c:send(arg[1] .. "\n")
		print(c:recv("line"), #sock.list{state = "ESTABLISHED", port = 7})
	`
	if err := os.WriteFile(filepath.Join(dir, "echo.lua"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, word := range []string{"one", "two"} {
		both.Add(1)
		go func() {
			defer both.Done()
			out, errs, code := nsh(t, dir, "", "echo.lua", word)
			if strings.Contains(errs, "no network of its own") {
				return
			}
			if code != 0 || out != word+"\t2\n" || errs != "" {
				t.Errorf("%s: exit code %d: %s%s", word, code, out, errs)
			}
		}()
	}
	both.Wait()
}

// TestFewDescriptors gives nsh 64 descriptors and lets more clients than that knock at a server of every model. Accept
// backs off: it is counted, said once, and hardly any processor time is used; when there is room again the server serves.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	text := `
		local s = assert(server.start{model = arg[1], on_data = function(conn, data) return data end})
		local crowd, before, clock, after
		for try = 1, 20 do -- where the clients took the last descriptors, nothing was left to be accepted
			crowd = client.open{to = s.addr, n = 250, timeout = 1} -- 128 wait in the kernel's queue, wherever the clients are
			check(crowd.n < 250, "not all are open")
			before, clock = s:stats(), os.clock()
			fiber.sleep(0.5)
			after = s:stats()
			if arg[1] == "iterative" or after.errors > 0 then break end
			crowd:close()
		end
		check(os.clock() - clock < 0.25, ("waiting took %.3f s of the processor in half a second"):format(os.clock() - clock))
		check(after.errors - before.errors < 100, after.errors - before.errors .. " errors in half a second")
		check(arg[1] == "iterative" or after.errors > 0, "it is counted")
		for reason in pairs(after.reasons) do check(reason:find("too many open") or reason:find("as many descriptors"), reason) end
		crowd:close()
		check.within(20, function()
			local c, err = client.dial(s.addr)
			if not c then return false, err end
			c:send("again")
			local got, err = c:recv(5, {timeout = 1})
			c:close()
			return got == "again", err
		end, "it serves again")
	`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "few.lua"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"iterative", "thread", "select", "epoll", "goroutine"} {
		t.Run(model, func(t *testing.T) {
			out, errs, code := start(t, dir, "", "/bin/sh", "-c", `ulimit -n 64; exec "$0" --host few.lua "$1"`, exe, model)
			if code != 0 || strings.Count(errs, "\n") > 1 || errs != "" && !strings.Contains(errs, "as many descriptors as it may (64)") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestMoreThanOneProcessHolds has both ends of a thousand connections, in processes of 300 descriptors.
func TestMoreThanOneProcessHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := `
		local s = assert(server.start{model = "prefork-epoll", workers = 5, handler = "echo", backlog = 1024})
		local crowd = assert(client.open{to = s.addr, n = 1000})
		check.equal(crowd.n, 1000, "all are open")
		check(crowd:stats().workers >= 4, crowd:stats().workers .. " processes of clients")
		check.equal(crowd:send("x") + crowd:recv(1), 2000, "all are served")
		local by = s:stats().by_worker
		for i, n in ipairs(by) do check(n <= 300, "worker " .. i .. " has " .. n) end
		check.equal(s:stats().active, 1000, "the server holds them")
		crowd:reset()
	`
	if err := os.WriteFile(filepath.Join(dir, "many.lua"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := start(t, dir, "", "/bin/sh", "-c", `ulimit -n 300; exec "$0" --host many.lua`, exe)
	if code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
