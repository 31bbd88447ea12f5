package shell

import (
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/lua"
)

type fakeKnowledge struct{}

func (fakeKnowledge) names(path []string) []lua.Name {
	switch strings.Join(path, ".") {
	case "":
		return []lua.Name{
			{Name: "server", Kind: "table"}, {Name: "sock", Kind: "table"}, {Name: "select", Kind: "function"}, {Name: "s", Kind: "Server"},
			{Name: "_G", Kind: "table"}, {Name: "a b", Kind: "number"}, {Name: "model_of_mine", Kind: "string"},
		}
	case "server":
		return []lua.Name{{Name: "start", Kind: "function", Doc: "Starts a server. More."}, {Name: "models", Kind: "function", Doc: "Lists."}}
	case "s", "t.conns":
		return []lua.Name{{Name: "addr", Kind: "field"}, {Name: "stop", Kind: "method"}, {Name: "stats", Kind: "method"}}
	}
	return nil
}

func (fakeKnowledge) options(callee string) []lua.OptionDoc {
	switch callee {
	case "server.start":
		return []lua.OptionDoc{{Name: "model", Type: "string", Help: "how it waits", Enum: []string{"select", "epoll", "process", "prefork"}},
			{Name: "addr", Type: "string"}, {Name: "handler"}}
	case "client.dial", "conn:recv":
		return []lua.OptionDoc{{Name: "timeout", Type: "seconds"}}
	}
	return nil
}

func (fakeKnowledge) words(callee string, number int) []string {
	switch {
	case callee == "server.test" && number == 0:
		return []string{"select", "epoll"}
	case callee == "conn:set" && number == 0:
		return []string{"SO_RCVBUF", "SO_SNDBUF", "TCP_NODELAY"}
	case callee == "conn:set" && number == 1:
		return []string{"on"}
	}
	return nil
}

// TestComplete has | for the cursor; what comes after -> is the line with Tab pressed, and what is listed.
func TestComplete(t *testing.T) {
	for _, c := range []struct{ in, want, list string }{
		{"|", "  |", ""},
		{"   |x", "     |x", ""},
		{"serv|", "server|", ""},
		{"se|", "se|", "select server"},
		{"x = serv|", "x = server|", ""},
		{"print(serv|)", "print(server|)", ""},
		{"server.|", "server.|", "models start"},
		{"server.st|", "server.start|", ""},
		{"server.st|(x)", "server.start|(x)", ""},
		{"server:st|", "server:start|", ""},
		{"s:|", "s:st|", ""},
		{"s:st|", "s:st|", "stats stop"},
		{"s.|", "s.addr|", ""},
		{"t.conns:sto|", "t.conns:stop|", ""},
		{"t .\nconns : sto|", "t .\nconns : stop|", ""},
		{"f().st|", "f().st|", ""},
		{"a[1].st|", "a[1].st|", ""},
		{"nowhere.|", "nowhere.|", ""},
		{"_|", "_G|", ""},
		{`server.test("|`, `server.test("|`, "epoll select"},
		{`x = server.test( 'ep|`, `x = server.test( 'epoll'|`, ""},
		{`conn:set("TCP|", true)`, `conn:set("TCP_NODELAY"|", true)`, ""},
		{`conn:set("SO|`, `conn:set("SO_|`, ""},
		{`conn:set(f(1, {2, 3}), "|`, `conn:set(f(1, {2, 3}), "on"|`, ""},
		{`conn:set("a" .. "|`, `conn:set("a" .. "|`, ""},
		{`conn:set({"|`, `conn:set({"|`, ""},
		{`("|`, `("|`, ""},
		{"ret|", "return|", ""},
		{"server.start{|", "server.start{|", "addr handler model"},
		{"server.start{ha|", "server.start{handler = |", ""},
		{"server.start{mod|", "server.start{model|", ""},
		{"server.start({ad|", "server.start({addr = |", ""},
		{"server.start{model = 'select', |", "server.start{model = 'select', |", "addr handler"},
		{"server.start{addr = f(1, 2), model = {a=1}, |", "server.start{addr = f(1, 2), model = {a=1}, handler = |", ""},
		{"server.start{handler = function(c) retu|", "server.start{handler = function(c) return|", ""},
		{"server.start{model = \"ep|", "server.start{model = \"epoll\"|", ""},
		{"server.start{model = 'se|", "server.start{model = 'select'|", ""},
		{"server.start{model = 'p|", "server.start{model = 'pr|", ""},
		{"server.start{addr = \"ep|", "server.start{addr = \"ep|", ""},
		{"client.dial(a, {ti|", "client.dial(a, {timeout = |", ""},
		{"client.dial('x', {timeout = 1}, {ti|", "client.dial('x', {timeout = 1}, {timeout = |", ""},
		{"conn:recv({|", "conn:recv({timeout = |", ""},
		{"x = {ti|", "x = {ti|", ""},
		{"print('serv|", "print('serv|", ""},
		{"-- serv|", "-- serv|", ""},
		{"[[ serv|", "[[ serv|", ""},
		{"x = 0xse|", "x = 0xse|", ""},
		{"é = serv|", "é = server|", ""},
		{"if s then|", "if s then|", ""},
	} {
		at := strings.Index(c.in, "|")
		line := []rune(strings.Replace(c.in, "|", "", 1))
		tc := &tabCompleter{fakeKnowledge{}, func() int { return 80 }, func() string { return "" }}
		newLine, pos, list := tc.complete(line, len([]rune(c.in[:at])))
		got := string(newLine[:pos]) + "|" + string(newLine[pos:])
		var listed []string
		for _, l := range strings.Split(list, "\n") {
			if len(strings.Fields(l)) > 0 {
				listed = append(listed, strings.Fields(l)[0])
			}
		}
		if len(listed) == 1 { // a grid of one row
			listed = strings.Fields(list)
		}
		if got != c.want || strings.Join(listed, " ") != c.list {
			t.Errorf("%q\n got %q %q\nwant %q %q", c.in, got, listed, c.want, c.list)
		}
	}
}

func TestCompleteInABlock(t *testing.T) {
	tc := &tabCompleter{fakeKnowledge{}, func() int { return 80 }, func() string { return "server.start{\n  model = 'epoll',\n" }}
	if line, _, _ := tc.complete([]rune("ha"), 2); string(line) != "handler = " {
		t.Errorf("got %q", string(line))
	}
}

func TestCandidateList(t *testing.T) {
	got := candidateList([]candidate{{"addr", "", "string", ""}, {"model", "", "string", "How it waits. More.\x1b[2J"}}, 40)
	if want := "  addr   string\n  model  string  How it waits.\n"; got != want {
		t.Errorf("got %q", got)
	}
	var many []candidate
	for range 300 {
		many = append(many, candidate{text: "name"})
	}
	got = candidateList(many, 80)
	if !strings.HasSuffix(got, "… 100 more\n") {
		t.Errorf("got %q", got)
	}
	for _, l := range strings.Split(got, "\n") {
		if len(l) > 79 {
			t.Errorf("%d wide: %q", len(l), l)
		}
	}
}

func FuzzSpot(f *testing.F) {
	f.Add("server.start{model = 'x', a.b:c(")
	f.Fuzz(func(t *testing.T, text string) {
		s := spotAt(text)
		if !strings.HasSuffix(text, s.word) {
			t.Errorf("%q: word %q", text, s.word)
		}
	})
}
