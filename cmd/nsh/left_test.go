package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
)

// busy makes a laboratory, says so, and then has traffic in it until the end.
const busy = `
local l, a, r, b = assert(lab.line("a", "r", "b"))
local s = assert(server.start{model = "epoll", handler = "echo", on = b})
local c = assert(client.dial("b:" .. s.port, {on = a}))
print("it is up")
while true do
	assert(c:send("ping\n"))
	assert(c:recv("line"))
	fiber.sleep(0.001)
end`

// several makes three, and a server where the script itself runs, and runs a program on a host where there are any.
const several = `
local here = assert(server.start{model = "thread", handler = "echo"})
local all = {}
for i = 1, 3 do
	local l, a, r, b = assert(lab.line("a", "r", "b"))
	local s = assert(server.start{model = "thread", handler = "echo", on = b})
	all[i] = {l = l, a = a, c = assert(client.dial(s.addr, {on = a}))}
	fiber.spawn(function() l:exec(b, "sleep", "MARK") end)
end
print("it is up")
while true do
	for _, one in ipairs(all) do
		one.c:send("ping\n")
		one.a:sysctl("net.ipv4.tcp_syncookies", 2)
		one.a:interfaces()
		assert(one.c:recv("line"))
	end
	assert(client.dial(here.addr)):close()
end`

// A kill is a process to end with SIGKILL, at a random moment.
type kill struct {
	name string
	pick func(s *job) int // waits for the process; 0 is that there is none any more
	ways func(w way) bool
}

func kills() []kill {
	all := func(way) bool { return true }
	return []kill{
		{"the shell", func(s *job) int { return s.Process.Pid }, all},
		{"the inner process", func(s *job) int { return s.appears("private") }, func(w way) bool { return w.private }},
	}
}

// moment is a random one between the start and well after the laboratory is there.
func moment(t *testing.T) time.Duration {
	return rand.N(2 * usual(t))
}

// usualTime is how long it takes until a script has its laboratory; it is measured once.
var usualTime time.Duration

func usual(t *testing.T) time.Duration {
	if usualTime == 0 {
		from := time.Now()
		s := launch(t, wayNamed("file"), os.Geteuid(), busy)
		if s.out.sees(patience, "it is up") < 0 {
			t.Fatalf("%s: no laboratory: %q", s.what, s.out.all())
		}
		usualTime = time.Since(from)
		s.Process.Kill()
		s.ends()
		s.gone()
	}
	return usualTime
}

// TestNothingLeft ends nsh in every way and at random moments while it makes laboratories and uses them, and looks for
// what is left: processes, network namespaces, mounts, links, ports, settings. 1,000 rounds take half an hour:
//
//	NSH_ROUNDS=1000 go test ./cmd/nsh -run TestNothingLeft -timeout 3h
func TestNothingLeft(t *testing.T) {
	needsLaboratories(t)
	if yard(t) {
		return
	}
	watchMachine(t)
	usual(t)
	for _, k := range kills() {
		t.Run("kill "+k.name, func(t *testing.T) {
			var took []time.Duration
			for i := range rounds() {
				took = append(took, killed(t, k, i))
				if t.Failed() {
					return
				}
			}
			t.Log("clear after ", distribution(took))
			late := slices.DeleteFunc(took, func(d time.Duration) bool { return d <= usually })
			if len(late) > 1+rounds()/200 {
				t.Errorf("%d of %d kills left a network namespace for longer than %v: %v", len(late), rounds(), usually, late)
			}
		})
	}
	t.Run("kill the laboratory's process", func(t *testing.T) {
		for range rounds() {
			if survives(t); t.Failed() {
				return
			}
		}
	})
	if n := running(binary(t)); n != nil {
		t.Errorf("processes of %s: %v", binary(t), n)
	}
}

// killed is one round.
func killed(t *testing.T, k kill, round int) (took time.Duration) {
	all := slices.DeleteFunc(ways(), func(w way) bool { return !k.ways(w) })
	w, uid := all[rand.N(len(all))], users()[rand.N(len(users()))]
	s := launch(t, w, uid, []string{busy, several}[rand.N(2)])
	pid := k.pick(s)
	after := moment(t)
	s.what += fmt.Sprintf(", round %d, %s killed after %v", round, k.name, after)
	time.Sleep(after)
	if pid != 0 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if w.terminal { // a prompt may go on, if it was not this process that was killed
		s.out.types("\x04")
	}
	s.ends()
	return s.gone()
}

// distribution is a summary of times.
func distribution(all []time.Duration) string {
	if len(all) == 0 {
		return "no time at all"
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[(len(all)-1)*percent/100].Round(time.Millisecond) }
	return fmt.Sprintf("%v at the least, %v in the middle, %v in 9 of 10, %v at the most, of %d", at(0), at(50), at(90), at(100), len(all))
}

// lives has its laboratory taken away, says what it saw, and makes another.
const lives = `
local made, host
local function work()
	local l, a, r, b = lab.line("a", "r", "b")
	if not l then error(a, 0) end
	host = a
	local function try(x, err)
		if not x then error(err, 0) end
		return x
	end
	local s = try(server.start{model = "thread", handler = "echo", on = b})
	local c = try(client.dial("b:" .. s.port, {on = a}))
	print("it is up")
	while true do
		try(c:send("ping\n"))
		try(c:recv("line"))
		try(a:interfaces())
	end
end
local _, why = pcall(work)
print("it saw: " .. tostring(why) .. " .")
if host then
	local ok, x, err = pcall(host.interfaces, host)
	print("then: " .. tostring(x) .. " " .. tostring(err) .. " .")
end
local l, a, r, b = assert(lab.line("a", "r", "b"))
local s = assert(server.start{handler = "echo", on = b})
local c = assert(client.dial(s.addr, {on = a}))
assert(c:send("it lives\n"))
print(c:recv("line"))
l:close()
print("it ends")`

// loss is what a script may see of its laboratory's end: the call that was on its way, or the next.
var loss = regexp.MustCompile(`it saw: .*(the laboratory is closed: its process has ended|the laboratory is gone|ended too early|the connection is closed|the server has been stopped|closed).* \.\s`)

// then is what it sees after that.
var lossAfter = regexp.MustCompile(`then: .*(the laboratory is closed: its process has ended|nil .*the laboratory is gone).* \.\s`)

// survives is a round in which the laboratory's process is killed: the script sees it, and goes on.
func survives(t *testing.T) {
	all := slices.DeleteFunc(ways(), func(w way) bool { return w.terminal })
	w, uid := all[rand.N(len(all))], users()[rand.N(len(users()))]
	s := launch(t, w, uid, lives)
	pid := s.appears("lab")
	after := moment(t)
	s.what += fmt.Sprintf(", the laboratory's process killed after %v", after)
	time.Sleep(after)
	syscall.Kill(pid, syscall.SIGKILL)
	code := s.ends()
	s.out.sees(patience, "it ends")
	out := s.out.all()
	if code != 0 || !loss.MatchString(out) {
		t.Errorf("%s: exit code %d: %q", s.what, code, out)
	}
	if regexp.MustCompile(`then: `).MatchString(out) && !lossAfter.MatchString(out) {
		t.Errorf("%s: what it sees after the end: %q", s.what, out)
	}
	if !regexp.MustCompile(`it lives\s`).MatchString(out) {
		t.Errorf("%s: what it makes afterwards: %q", s.what, out)
	}
	s.gone()
}
