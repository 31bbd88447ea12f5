package lab_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

// TestManyAndClosed makes twenty laboratories at once, echoes through each and closes them: descriptors and children are
// as before, while the world is still there. The world's own census counts the goroutines at its end.
func TestManyAndClosed(t *testing.T) {
	w := world(t)
	w.Run(inLine + `l:close()`) // what is made once, at the first
	before := descriptors(t)
	got, err := w.Run(`
		local many = {}
		for i = 1, 20 do
			local l, a, r, b = assert(lab.line("a", "r", "b"))
			many[i] = l
			local s = assert(server.start{handler = "echo", on = b})
			local c = assert(client.dial(s.addr, {on = a}))
			c:send(i .. "\n")
			check.equal(c:recv("line"), tostring(i), "the echo")
		end
		for i = 1, 20 do many[i]:close() end
		print("closed")`)
	if err != nil || !strings.HasSuffix(got, "closed\n") {
		t.Fatal(got, err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for descriptors(t) > before || children() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before; %d children", descriptors(t), before, children())
		}
		time.Sleep(time.Millisecond)
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children counts this process's, zombies too.
func children() (n int) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		data, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		n += len(strings.Fields(string(data)))
	}
	return n
}

// TestKilledFromOutside ends the laboratory's process under everything that can wait for it: nothing hangs, and each
// says that the laboratory is gone.
func TestKilledFromOutside(t *testing.T) {
	const kill = `fiber.spawn(function() fiber.sleep(0.05) kill(l) end) `
	for name, call := range map[string]string{
		"interfaces": `for i = 1, 1e9 do a:interfaces() end`,
		"dial":       `l.links[1]:cut() return client.dial("b:80", {on = a, timeout = 60})`,
		"recv":       `local s = assert(server.start{handler = "discard", on = b}) return assert(client.dial(s.addr, {on = a})):recv()`,
		"wait":       `assert(server.start{handler = "echo", on = b}):wait() return a:interfaces()`,
		"resolve":    `l.links[1]:cut() return dns.resolve("x.test", {server = "10.0.2.2", timeout = 60, on = a})`,
		"open":       `l.links[1]:cut() client.open{to = "b:80", n = 20, timeout = 60, on = a} return a:interfaces()`,
		"exec":       `return l:exec(a, "sleep", "60")`,
		"socket":     `while true do assert(server.start{handler = "echo", on = b}):stop() end`,
		"run":        `l:run(a, function() while true do assert(server.start{handler = "echo"}):stop() end end)`,
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			_, err := w.Run(`kill = function(l) os.execute("kill -9 " .. l.pid) end ` + inLine + `a:interfaces() ` + kill + `
				local started = fiber.now()
				local ok, x, err = pcall(function() ` + call + ` end)
				check(fiber.now() - started < 5, "nothing hangs")
				local what = tostring(err or x)
				local said = false
				for _, text in ipairs{"the laboratory is closed: its process has ended", "the laboratory is gone", "the laboratory was closed meanwhile", "closed", "stopped"} do
					said = said or what:find(text, 1, true) ~= nil
				end
				if not said then error("it said: " .. what) end
				check.within(5, function() return not pcall(a.interfaces, a) end, "it is closed")
				local _, why = pcall(a.interfaces, a)
				if not tostring(why):find("the laboratory is closed: its process has ended", 1, true) then error("then it said: " .. tostring(why)) end`)
			if err != nil || w.Failures() > 0 {
				t.Errorf("%v; %d checks failed", err, w.Failures())
			}
		})
	}
}

// BenchmarkThreeHosts is the time until a laboratory of three hosts is there; 150 ms are promised.
func BenchmarkThreeHosts(b *testing.B) {
	plugintest.NeedsLaboratories(b)
	w := plugintest.New(b, std.All()...)
	var took time.Duration
	for range b.N {
		start := time.Now()
		if _, err := w.Run(`l, a, r, b = assert(lab.line("a", "r", "b")) a:interfaces()`); err != nil {
			b.Fatal(err)
		}
		took += time.Since(start)
		if _, err := w.Run(`l:close()`); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/lab")
}
