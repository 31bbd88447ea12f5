package lua

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFiles is Lua's own io on regular files.
func TestFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in", []byte("one\ntwo\n\n 0x1F -3.5e1x 7\nlast"), 0o600); err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]string{
		`local f = io.open("in") print(table.concat({f:read("*l", "*L", "l", "*n", "*n", 1, "*a")}, "|"))`:                  "one|two\n||31|-35|x| 7\nlast",
		`local f = io.open("in") print(f:read(2, 0, 99), f:read(0), f:read("*l"), f:read("*a"))`:                            "on\tnil\tnil\t",
		`local f = io.open("in") print(f:read("*n"), f:read(1))`:                                                            "nil\to",
		`local n = {} for l in io.lines("in") do n[#n + 1] = #l end print(unpack(n))`:                                       "3\t3\t0\t15\t4",
		`print(pcall(io.lines, "none"))`:                                                                                    "false\tio.lines: open none: no such file or directory",
		`local ok, e = pcall(function() for l in io.lines(".") do end end) print(e)`:                                        "test.lua:1: io.lines: read .: is a directory",
		`print(io.type(io.stdout), io.type(io.stdin), io.type({}), type(io.stderr))`:                                        "file\tfile\tnil\tuserdata",
		`io.write("x") print(io.flush())`:                                                                                   "xtrue",
		`local f = io.tmpfile() f:write("abc", 1.5):seek("set", 1) print(f:read("*a"), f:seek("cur"), f:seek("end"))`:       "bc1.5\t6\t6",
		`local f = io.open("w", "w") print(io.type(f), f:close(), io.type(f), f)`:                                           "file\ttrue\tclosed file\tclosed file (w)",
		`local f = io.open("w", "w") print(f:read())`:                                                                       "nil\tread w: bad file descriptor",
		`local f = io.open("in") print(f:write("x"))`:                                                                       "nil\twrite in: bad file descriptor",
		`io.output("o") io.write("a", 1) io.close() io.output(io.stdout) io.input("o") print(io.read()) io.input():close()`: "a1",
		`print(pcall(io.open, "in", "rw"))`:                                                                                 "false\tio.open: argument 2 (mode): \"r\", \"w\" or \"a\" expected, maybe with \"+\" or \"b\", got \"rw\"",
		`local f = io.open("in") print(pcall(f.read, f, "*x"))`:                                                             "false\ttest.lua:1: File:read: argument 1 (format): \"*l\", \"*L\", \"*n\", \"*a\" or a number of bytes expected, got \"*x\"",
		`print(pcall(io.stdout.read, {}))`:                                                                                  "false\ttest.lua:1: File:read: called on table, not on a File; use ':'",
		`print(io.stdout:seek())`:                                                                                           "nil\tseek stdout: illegal seek",
		`local f with(io.open("in"), function(x) f = x end) print(io.type(f))`:                                              "closed file",
		`print(table.concat({io.popen("echo hi; echo ho"):read("*L", "*a")}, "|"))`:                                         "hi\n|ho",
		`local p = io.popen("cat > p", "w") p:write("to ", "it") print(p:close(), io.open("p"):read("*a"))`:                 "true\tto it",
		`local f = io.tmpfile() f:write(("x"):rep(3e6), "\n", ("y"):rep(2e6)) f:seek("set") local a, b = f:read(), f:read(2^21 + 7) print(#a, #b, #f:read("*a"), f:read())`: "3000000\t2000000\t0\tnil",
		`local f = io.tmpfile() f:write((" "):rep(1e5), 7) f:seek("set") print(f:read("*n"))`:                                                                               "7",
		`print(os.clock() < 100, os.clock() <= os.clock())`:                                                                                                                 "true\ttrue",
	} {
		t.Run("", func(t *testing.T) { expect(t, src, want) })
	}
}

// The processor time that nsh has used stands still while nothing runs.
func TestClock(t *testing.T) {
	expect(t, `local c, s = os.clock(), fiber.now() fiber.sleep(0.3) assert(os.clock() - c < 0.2) print(fiber.now() - s >= 0.3)`, "true")
}

// What waits for the other end of a FIFO, for what comes out of it or for room in it, waits without the baton, and can
// be cancelled.
func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fill := `("x"):rep(1e6)`
	for name, src := range map[string]string{
		"both ends": `
local r = fiber.spawn(function() local f = io.open(P) return f:read("*l", "*a") end)
local w = fiber.spawn(function() local f = io.open(P, "w") f:write("first\nsec") fiber.sleep(0.01) f:write("ond") f:close() end)
print(r:join())`,
		"open to read":  `print(select(2, fiber.timeout(0.02, io.open, P)).code)`,
		"dofile":        `local r = fiber.spawn(fiber.timeout, 0.1, dofile, P) for i = 1, 3 do fiber.sleep(0.001) end print(select(3, r:join()).code)`,
		"open to write": `print(select(2, fiber.timeout(0.02, io.open, P, "w")).code)`,
		"read": `local f = io.open(P, "r+") f:write("half")
local r = fiber.spawn(f.read, f)
for i = 1, 3 do fiber.sleep(0.001) end -- others run meanwhile
f:write(" a line\n") print(r:join())
f:write("rest") print(select(2, fiber.timeout(0.05, f.read, f)).code) f:write("\n") print(f:read())`,
		"lines": `local f = io.open(P, "r+") f:write("1\n") for l in f:lines() do print(l) break end`,
		"write": `local f = io.open(P, "r+") print(select(2, fiber.timeout(0.05, f.write, f, ` + fill + `)).code) print(#f:read(5000))`,
		"close": `local f = io.open(P, "r+") local r = fiber.spawn(f.read, f) fiber.sleep(0.1) f:close() local ok, v, err = r:join() print(ok, v, err)`,
	} {
		want := map[string]string{
			"both ends": "true\tfirst\tsecond", "open to read": "ETIMEDOUT", "open to write": "ETIMEDOUT", "dofile": "ETIMEDOUT",
			"read": "true\thalf a line\nETIMEDOUT\nrest", "lines": "1", "write": "ETIMEDOUT\n5000", "close": "true\tnil\tread " + clip(path) + ": file already closed",
		}[name]
		t.Run(name, func(t *testing.T) { expect(t, fmt.Sprintf("local P = %q ", path)+src, want) })
	}
	timely(t, "a cancelled open", 100*time.Millisecond, func() error {
		w, _ := newWorld(t)
		_, err := runWithin(w, fmt.Sprintf("io.open(%q)", path), time.Millisecond)
		return err
	})
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasSuffix(to, "/fifo") {
			t.Errorf("descriptor %s is still open: %s", fd.Name(), to)
		}
	}
}
