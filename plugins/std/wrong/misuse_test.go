package wrong

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/std"
)

// samples make a receiver for the methods of each type. A type that is not here fails the test.
var samples = map[string]string{
	"File":   `io.tmpfile()`,
	"Server": `assert(server.start{model = "epoll", handler = "echo"})`,
	"Listener": `(function()
  server.define("sample", {style = "event", replace = true, run = function(l)
    LISTENER = l
    repeat sys.poll({{l, "IN"}}) local c, err = l:accept() CONN = c or CONN until not c and not err
  end})
  assert(client.dial(assert(server.start{model = "sample", handler = "echo"}).addr))
  while not CONN do fiber.sleep(0.001) end
  return LISTENER
end)()`,
	"Conn":      `assert(client.dial(assert(server.start{model = "epoll", handler = "echo"}).addr))`,
	"Crowd":     `client.open{to = assert(server.start{model = "epoll", handler = "echo"}).addr, n = 2}`,
	"Load":      `assert(client.load{to = assert(server.start{model = "epoll", handler = "echo"}).addr, n = 1, requests = 10})`,
	"Fiber":     `fiber.spawn(function() fiber.sleep(60) end)`,
	"Channel":   `fiber.channel(2)`,
	"Lab":       `(function() local l = assert(lab.new()) HOST = l:host("h") return l end)()`,
	"Host":      `(assert(lab.new()):host("h"))`,
	"Link":      `assert(lab.line("a", "b")).links[1]`,
	"Fd":        `assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))`,
	"Epoll":     `assert(sys.epoll())`,
	"DnsServer": `assert(dns.serve{zone = "a.test. A 192.0.2.1"})`,
	"Cache":     `dns.cache{}`,
	"Counters":  `assert(sock.counters())`,
	"Watch":     `assert(sock.watch{port = 1})`,
	"Capture":   `assert(sock.capture{on = assert(lab.new()):host("h")})`,
}

// values are what is put into every position: each kind of Lua value, and the odd ones of each.
var values = []struct{ kind, expr string }{
	{"nil", `nil`}, {"boolean", `true`},
	{"number", `1`}, {"fraction", `1.5`}, {"number", `-1`}, {"fraction", `0/0`}, {"fraction", `math.huge`}, {"fraction", `-math.huge`}, {"number", `2^60`},
	{"string", `"x"`}, {"string", `""`}, {"string", `"a\0b"`}, {"string", `("y"):rep(300)`}, {"string", `"\27[31m\255"`},
	{"table", `{}`}, {"table", `{1, 2}`}, {"table", `{nonsense = 1}`}, {"table", `SELF`}, {"table", `setmetatable({}, {__index = error})`},
	{"function", `print`}, {"function", `function() error("from the callback") end`}, {"thread", `coroutine.create(print)`},
	{"object", `FOREIGN`}, {"object", `CLOSED`},
}

// accepts says whether a declared type takes a kind of value at all; what it then makes of it is the function's business.
func accepts(typ, kind string) bool {
	switch {
	case typ == "value":
		return true
	case typ == "number":
		return kind == "number" || kind == "fraction"
	case typ == "seconds":
		return kind == "number" || kind == "fraction"
	case typ == "table", strings.HasPrefix(typ, "list of "):
		return kind == "table"
	case typ == "string", typ == "boolean", typ == "function":
		return kind == typ
	}
	return kind == "object"
}

// fitting is a value that a parameter takes.
func fitting(typ string) string {
	switch {
	case typ == "string":
		return `"127.0.0.1:1"`
	case typ == "seconds":
		return `0.001`
	case typ == "number":
		return `1`
	case typ == "boolean":
		return `true`
	case typ == "function":
		return `function() return true end`
	case typ == "table", strings.HasPrefix(typ, "list of "):
		return `{}`
	case typ == "value":
		return `1`
	case typ == "Host":
		return `HOST` // where there is one
	case typ == "Conn":
		return `CONN`
	}
	return "nil"
}

// fittingOption is a value that an option takes.
func fittingOption(o lua.OptionDoc) string {
	if len(o.Enum) > 0 {
		return fmt.Sprintf("%q", o.Enum[0])
	}
	return fitting(o.Type)
}

const prepare = `
SELF = {} SELF[1] = SELF SELF.self = SELF
FOREIGN = fiber.channel(1)
CLOSED = assert(server.start{handler = "echo", model = "epoll"}) CLOSED:stop()
function try(f, ...)
  local args, n = {...}, select("#", ...)
  local ok, a, b = pcall(fiber.timeout, LIMIT, function() return f(unpack(args, 1, n)) end)
  if not ok then return tostring(a) end
  if a == nil and b ~= nil then return "answered: " .. tostring(b) end
end
`

// TestMisuse calls every declared function with every value in every position, options included. Each answers: with an
// error that names the function and the argument where the type is wrong, and never with a Go trace.
func TestMisuse(t *testing.T) {
	set, err := plugins.NewSet(std.All()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range set.Index().Paths() {
		if e := set.Index().Find(path); e.Kind == "function" || e.Kind == "method" {
			t.Run(path, func(t *testing.T) { misuse(t, e) })
		}
	}
}

func misuse(t *testing.T, e *lua.Entry) {
	w := plugintest.New(t, std.All()...)
	setup, call := prepare, "f("
	if e.Kind == "method" {
		typ, method, _ := strings.Cut(e.Path, ":")
		if samples[typ] == "" {
			t.Fatalf("there is no sample of a %s in this test", typ)
		}
		if strings.Contains(samples[typ], "lab.") {
			plugintest.NeedsLaboratories(t)
		}
		setup += fmt.Sprintf("OBJ = %s\nf = OBJ.%s\n", samples[typ], method)
		call = "f(OBJ, "
	} else {
		setup += "f = " + e.Path + "\n"
	}
	if _, err := w.Run(setup); err != nil {
		t.Fatal(err)
	}
	attempt := func(args string, mustName string) {
		if w.Exited() != nil {
			return // skip and the like did what they are for
		}
		limit := "LIMIT = 0.05 "
		if mustName != "" {
			limit = "LIMIT = 10 " // what must answer at once is given the time that a busy machine takes
		}
		src := limit + strings.Replace("return try("+strings.Replace(call, "(", ", ", 1)+args+")", ", )", ")", 1)
		answer := w.Value(src)
		switch {
		case strings.Contains(answer, "internal error"), strings.Contains(answer, ".go:"), strings.Contains(answer, "goroutine "):
			t.Errorf("%s(%s): %s", e.Path, args, answer)
		case mustName != "" && !(strings.Contains(answer, e.Path) && strings.Contains(answer, mustName)) && w.Exited() == nil:
			t.Errorf("%s(%s): answered %q, which does not name %s and %s", e.Path, args, answer, e.Path, mustName)
		}
	}
	for i, p := range e.Params {
		for _, v := range values {
			var args []string
			for j, q := range e.Params {
				switch {
				case j == i:
					args = append(args, v.expr)
				case j < i:
					args = append(args, fitting(q.Type))
				}
			}
			must := ""
			isOptions := len(e.Options) > 0 && i == len(e.Params)-1
			if !accepts(p.Type, v.kind) && !(p.Optional && v.kind == "nil") && p.Name != "..." && !(isOptions && v.kind == "nil") {
				must = p.Name
			}
			attempt(strings.Join(args, ", "), must)
		}
	}
	misuseOptions(e, attempt)
	if e.Kind == "method" {
		call = "f("
		for _, v := range values {
			if v.expr != "FOREIGN" && v.expr != "CLOSED" {
				attempt(v.expr, strings.Split(e.Path, ":")[0])
			}
		}
	}
}

func misuseOptions(e *lua.Entry, attempt func(args, mustName string)) {
	if len(e.Options) == 0 {
		return
	}
	var before []string
	for _, p := range e.Params[:len(e.Params)-1] {
		before = append(before, fitting(p.Type))
	}
	for _, o := range e.Options {
		for _, v := range values {
			must := ""
			if !accepts(o.Type, v.kind) && v.kind != "nil" {
				must = o.Name
			}
			var fields []string
			for _, other := range e.Options {
				if other.Required && other.Name != o.Name {
					fields = append(fields, other.Name+" = "+fittingOption(other))
				}
			}
			fields = append(fields, o.Name+" = "+v.expr)
			attempt(strings.Join(append(append([]string{}, before...), "{"+strings.Join(fields, ", ")+"}"), ", "), must)
		}
	}
}
