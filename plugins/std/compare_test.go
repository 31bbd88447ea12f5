package std

import (
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

func TestCompareMisuse(t *testing.T) {
	w := plugintest.New(t, All()...)
	for source, want := range map[string]string{
		`server.compare{models = {}}`:                                              "option 'models': is empty",
		`server.compare{models = {"epol"}}`:                                        "option 'models': \"epol\" unknown, did you mean 'epoll'?",
		`server.compare{models = {"epoll", "epoll"}}`:                              "option 'models': \"epoll\" is there twice",
		`server.compare{models = "epoll"}`:                                         "option 'models'",
		`server.compare{n = 0}`:                                                    "option 'n': must be from 1",
		`server.compare{seconds = 0}`:                                              "option 'seconds': at least 0.01",
		`server.compare{payload = 0}`:                                              "option 'payload': from 1 to",
		`server.compare{handler = "ecko"}`:                                         "option 'handler': \"ecko\" unknown",
		`server.compare{handler = 5}`:                                              "option 'handler': a name or a function expected",
		`server.compare{handler = "echo", on_data = print}`:                        "option 'handler': given together with on_data",
		`server.compare{mode = "chrun"}`:                                           "option 'mode': \"chrun\" unknown, did you mean 'churn'?",
		`server.compare{models = {"select", "poll"}, workers = 2}`:                 "option 'workers': none of these models has workers",
		`return server.compare{models = {"epoll"}, n = 1, seconds = 0.01}[1].rats`: "ModelCost has no field \"rats\", did you mean 'rate'?",
		`busy(-1)`:     "busy: argument 1 (milliseconds): milliseconds cannot be negative",
		`busy(0/0)`:    "busy: argument 1 (milliseconds): number expected, got nan",
		`wait("long")`: "wait: argument 1 (milliseconds): number expected, got string",
		`wait(-1)`:     "wait: argument 1 (milliseconds): milliseconds cannot be negative",
	} {
		w.Fails(source, want)
	}
}

// Every model runs echo under the load, and its row has what it must have.
func TestCompareEcho(t *testing.T) {
	w := plugintest.New(t, All()...)
	out, err := w.Run(`
local t = server.compare{n = 6, seconds = 0.2}
local by, ran, answering = {}, 0, 0
for i, r in ipairs(t) do by[r.model] = r
  if not r.why then ran = ran + 1 end
  if r.requests > 0 then -- a machine that does much else may leave a model without a turn in that time
    answering = answering + 1
    assert(r.failed == 0 and r.rate > 0 and r.p50 > 0 and r.p50 <= r.p99 and r.p99 <= r.max, r.model)
    assert(r.cpu > 0 and r.syscalls > 0 and r.connections == 6, r.model .. " " .. r.syscalls)
  end
end
assert(#t == #server.models() and ran >= #t - 1 and answering >= 6, ran .. " " .. answering)
assert(by.iterative.answered <= 1 and by.prefork.answered <= 4)
assert(by.thread.threads >= 1 and by.thread.threads <= 6 and by.thread.processes == 0, by.thread.threads)
assert(by.process.processes >= 1 and by.process.processes <= 6 and by.process.descriptors > 6, by.process.processes)
assert(by.epoll.threads == 0)
-- the listener, the epoll descriptor, the wake-up, a spare one; and the connections
assert(by.epoll.descriptors >= 4 and by.epoll.descriptors <= 16, by.epoll.descriptors)
print(t)`)
	if err != nil || !strings.Contains(out, "req/s") || !strings.Contains(out, " of the connections had an answer at all") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What a model cannot do stands below the table, once for all that cannot, and in their rows.
func TestCompareCannot(t *testing.T) {
	w := plugintest.New(t, All()...)
	chunk, err := lua.Compile("test.lua", `
local conn_of_mine = fiber.channel(1)
T = server.compare{models = {"select", "poll", "epoll", "goroutine", "prefork"}, n = 2, seconds = 0.05, handler = function(conn)
  for line in function() return conn:recv("line") end do if conn_of_mine then conn:send(line .. "\n") end end
end}
return T`)
	if err != nil {
		t.Fatal(err)
	}
	vs, err := w.Exec(t.Context(), chunk)
	if err != nil {
		t.Fatal(err)
	}
	node := w.Show(vs[0])
	text := show.Text(node, show.Options{Width: 80})
	for _, want := range []string{"select, poll, epoll did not run: one flow", "prefork did not run: ", "conn_of_mine", "\ngoroutine "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if show.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
	if json := show.JSON(node); !strings.HasPrefix(json, `[{"model":"select","why":"one flow`) {
		t.Error(json)
	}
	w.Expect(`print(T[1].why:match("one flow"), T[1].rate, T[4].why, T[4].connections, #T)  --> one flow	0	nil	2	5`)
}

// A limit that a model has by itself is met by the server's descriptors alone, and explained.
func TestCompareLimit(t *testing.T) {
	w := plugintest.New(t, All()...)
	out, err := w.Run(`
local t, err
for try = 1, 10 do -- a busy machine may not have come to the ones too many in that time
  t, err = server.compare{models = {"select"}, n = 1100, seconds = 0.3}
  if not t then skip(tostring(err)) end
  if t[1].failed > 0 then break end
end
assert(t[1].failed > 0 and next(t[1].reasons), t[1].failed)
print(t)
print(select(2, server.compare{n = 10000}))`)
	if w.Exited() != nil {
		t.Skip(out)
	}
	if err != nil || !strings.Contains(out, "select says: descriptor 1024 has no bit") || !strings.Contains(out, "RLIMIT_NOFILE is") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCompareChurn(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`local t = server.compare{models = {"iterative", "process", "thread", "epoll"}, n = 4, seconds = 0.1, mode = "churn"}
for _, r in ipairs(t) do assert(r.failed == 0 and r.answered <= 4 and (r.requests == 0 or r.cpu > 0), r.model .. " " .. r.requests .. " " .. r.answered) end
print(#t)  --> 4`)
}

func TestCompareCancelled(t *testing.T) {
	w := plugintest.New(t, All()...)
	out, err := w.Run(`
local f = fiber.spawn(function() server.compare{models = {"epoll", "poll"}, n = 2, seconds = 0.1} server.compare{models = {"poll", "epoll"}, n = 2, seconds = 3600} end)
fiber.sleep(0.6)
f:cancel()
print(f:join(5))`)
	if err != nil || !strings.Contains(out, "nil\tfiber cancelled") {
		t.Errorf("%v\n%s", err, out)
	}
}

// busy uses the processor and keeps the baton, wait does neither; both can be cancelled.
func TestBusyAndWait(t *testing.T) {
	w := plugintest.New(t, All()...)
	w.Expect(`
local turns = 0
local other = fiber.spawn(function() while true do turns = turns + 1 fiber.sleep(0.001) end end)
fiber.sleep(0.01)
local before, cpu = turns, os.clock()
busy(50)
print(os.clock() - cpu >= 0.05, turns == before)  --> true	true
local t = fiber.now()
wait(50)
print(fiber.now() - t >= 0.05, turns > before)  --> true	true
other:cancel()
print(select(2, fiber.timeout(0.02, function() busy(1e9) end)).code)  --> ETIMEDOUT
print(select(2, fiber.timeout(0.02, function() wait(1e9) end)).code)  --> ETIMEDOUT`)
	each(t, []string{"epoll", "thread", "coroutine", "process", "prefork"}, `
local s = assert(server.start{model = MODEL, on_data = function(conn, data) busy(2) wait(2) return data end})
local c = assert(client.dial(s.addr))
local t = fiber.now()
c:send("x") assert(c:recv(1, {timeout = 10}) == "x")
assert(fiber.now() - t >= 0.004)`)
}
