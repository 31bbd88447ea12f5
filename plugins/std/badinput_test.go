package std

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// What server.start cannot do is refused at the script's line, with what would do.
func TestServerRefused(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`server.start{model = "epol", handler = "echo"}`:                       "test.lua:1: server.start: option 'model': \"epol\" unknown, did you mean 'epoll'?",
		`server.start{model = "actors", handler = "echo"}`:                     "option 'model': \"actors\" unknown; there are: iterative, process, prefork",
		`server.start{model = ("x"):rep(1000), handler = "echo"}`:              "option 'model': \"xxx",
		`server.start{model = 7, handler = "echo"}`:                            "option 'model': string expected, got 7",
		`server.start{model = "threadpool", handler = "echo", workers = 0}`:    "option 'workers'",
		`server.start{model = "threadpool", handler = "echo", workers = -1}`:   "option 'workers'",
		`server.start{model = "threadpool", handler = "echo", workers = 1e4}`:  "option 'workers'",
		`server.start{model = "threadpool", handler = "echo", workers = 1.5}`:  "option 'workers'",
		`server.start{model = "threadpool", handler = "echo", workers = "2"}`:  "option 'workers'",
		`server.start{model = "epoll", handler = "echo", workers = 0}`:         "option 'workers'",
		`server.start{model = "epoll", handler = "echo", workers = 300}`:       "option 'workers': the model 'epoll' has 1 to 256 workers, not 300",
		`server.start{model = "prefork", handler = "echo", workers = 1e4}`:     "option 'workers'",
		`server.start{model = "thread", handler = "echo", workers = 4}`:        "option 'workers': the model 'thread' has no workers",
		`server.start{model = "select", handler = "echo", workers = 4}`:        "option 'workers': the model 'select' has no workers",
		`server.start{model = "thread"}`:                                       "option 'handler': nothing to do with a connection",
		`server.start{model = "thread", handler = "ecko"}`:                     "option 'handler': \"ecko\" unknown; native handlers are",
		`server.start{model = "thread", handler = print, on_data = print}`:     "option 'handler': given together with on_data",
		`server.start{model = "thread", on_readable = print, on_data = print}`: "option 'on_readable': given together with on_data",
	} {
		w.Fails(source, want)
	}
	for _, m := range []string{"select", "poll", "epoll", "uring"} {
		needed := fmt.Sprintf("option 'handler': the model '%s' has one flow for all connections, so a function that waits for one of them would make everybody wait; give on_data and the like, or take a model with a flow per connection: iterative, process, prefork", m)
		w.Fails(fmt.Sprintf("\n\nserver.start{model = %q, handler = function(conn) end}", m), needed)
		w.Fails(fmt.Sprintf("\n\nserver.start{model = %q, handler = function(conn) end}", m), "test.lua:3: server.start")
	}
}

// childPids are the children of this process.
func childPids() (pids []int) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		data, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		for _, f := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// A child that hangs at the stop, because its handler computes for ever or because it was stopped from outside, is killed:
// the stop takes half a second, where the machine is not busy with others, and leaves nothing.
func TestChildHangs(t *testing.T) {
	for _, m := range apartModels {
		for _, how := range []string{"computes", "stopped"} {
			t.Run(m+" "+how, func(t *testing.T) {
				w := plugintest.New(t, All()...)
				if out, err := w.Run(fmt.Sprintf("local MODEL, HOW = %q, %q\n", m, how) + conformance + `
s = assert(server.start{model = MODEL, on_data = function(conn, data)
  conn:send("inside")
  while HOW == "computes" do pcall(function() while true do end end) end
end})
c = assert(client.dial(s.addr))
c:send("x") assert(c:recv(6, {timeout = 15}) == "inside")
eventually("all are there", function() return s:stats().processes >= (MODEL == "process" and 1 or 4) end)`); err != nil {
					t.Fatal(err, out)
				}
				if how == "stopped" {
					for _, pid := range childPids() {
						// Not in the middle of an exec, which would hold up the thread that waits for it.
						if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(comm) == "nsh\n" {
							syscall.Kill(pid, syscall.SIGSTOP)
						}
					}
				}
				out, err := w.Run(`local t = fiber.now() s:stop() local took = fiber.now() - t
print(took < 5 or took, c:recv({timeout = 15}))`)
				if err != nil || !strings.Contains(out, "true\tnil") {
					t.Errorf("%v\n%s", err, out)
				}
				for deadline := time.Now().Add(15 * time.Second); len(childPids()) > 0; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("the children %v are left", childPids())
					}
				}
			})
		}
	}
}

// A worker that somebody kills from outside is counted and explained; its connection ends, and the server goes on.
func TestChildKilledFromOutside(t *testing.T) {
	for _, m := range apartModels {
		w := plugintest.New(t, All()...)
		out, err := w.Run(fmt.Sprintf("local MODEL = %q\n", m) + conformance + `
function ask()
  local c = assert(client.dial(s.addr))
  c:send("x")
  return c, c:recv("line", {timeout = 15})
end
s = assert(server.start{model = MODEL, on_data = function(conn) return sys.getpid() .. "\n" end})
c, pid = ask()
print(pid)`)
		pid, bad := strconv.Atoi(strings.TrimSpace(out))
		if err != nil || bad != nil {
			t.Fatal(err, out)
		}
		syscall.Kill(pid, syscall.SIGKILL)
		out, err = w.Run(conformance + `
print((c:recv({timeout = 15})))
eventually("counted", function() return s:stats().errors == 1 end)
local again, other = ask()
print(other ~= pid)
for why in pairs(s:stats().reasons) do print(why) end`)
		want := map[string]string{"process": "a child was killed (SIGKILL), and its connection ended with it", "prefork": "a worker was killed (SIGKILL) and was replaced"}[m]
		if err != nil || !strings.Contains(out, "nil\n") || !strings.Contains(out, "true\n"+want+"\n") {
			t.Errorf("%s: %v\n%s", m, err, out)
		}
	}
}
