package show

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

func str(s string) Node           { return Node{Kind: String, Text: s} }
func num(s string) Node           { return Node{Kind: Number, Text: s} }
func list(v ...Node) Node         { return Node{Kind: List, Items: v} }
func rec(f ...Field) Node         { return Node{Kind: Record, Fields: f} }
func f(name string, v Node) Field { return Field{name, v} }

func TestText(t *testing.T) {
	row := func(state, addr, n string) Node {
		return rec(f("state", str(state)), f("local_addr", str(addr)), f("recv_q", num(n)))
	}
	for name, c := range map[string]struct {
		in   Node
		o    Options
		want string
	}{
		"nil":           {Node{}, Options{}, "nil"},
		"bool":          {Node{Kind: Bool, Text: "true"}, Options{}, "true"},
		"string":        {str("a\nb"), Options{}, "a\nb"},
		"quoted string": {str("a\n\"\\"), Options{Quote: true}, `"a\n\"\\"`},
		"raw string":    {str("\x1b[2J"), Options{Raw: true}, "\x1b[2J"},
		"object":        {Node{Kind: Object, Text: "Server 127.0.0.1:80"}, Options{}, "Server 127.0.0.1:80"},
		"bare object":   {Node{Kind: Object, Type: "Server"}, Options{}, "Server"},
		"empty list":    {list(), Options{}, "{}"},
		"empty record":  {rec(), Options{}, "{}"},
		"flat list":     {list(num("1"), str("a\tb"), Node{}), Options{}, `{1, "a\tb", nil}`},
		"long list": {list(str("aaaaaaa"), str("bbbbbbb"), str("ccccccc")), Options{Width: 26},
			"{\n  \"aaaaaaa\", \"bbbbbbb\",\n  \"ccccccc\"\n}"},
		"printed instead":       {Node{Kind: List, Items: []Node{num("1")}, Print: &Node{Kind: Object, Text: "one\nand a line"}}, Options{}, "one\nand a line"},
		"printed, and a note":   {Node{Print: &Node{Kind: List, Items: []Node{rec(f("n", num("1")))}, Note: "… 2 more are 0"}}, Options{}, "n\n1\n… 2 more are 0"},
		"a note alone, clipped": {Node{Note: "none of the many changed"}, Options{Width: 10}, "none of t…"},
		"inside another":        {rec(f("d", Node{Kind: Record, Fields: []Field{f("a", list(num("1"), list(list(num("2")))))}, Print: &Node{Kind: Object, Text: "x\ny"}})), Options{}, "d\n  x\n  y"},
		"more":                  {list(num("1"), num("2"), num("3")), Options{Items: 2}, "{1, 2, … 1 more}"},
		"record": {rec(f("addr", str("127.0.0.1:80")), f("n", num("3"))), Options{},
			"addr  \"127.0.0.1:80\"\nn     3"},
		"numbers": {rec(f("LISTEN", num("3")), f("TIME_WAIT", num("1000"))), Options{},
			"LISTEN        3\nTIME_WAIT  1000"},
		"nested flat": {rec(f("t", rec(f("name", str("on")), f("s", num("0.2"))))), Options{},
			`t  {name = "on", s = 0.2}`},
		"nested deep": {rec(f("TcpExt", rec(f("A", num("1")), f("B", rec(f("x", list(num("1"))))))), f("z", num("1"))), Options{},
			"TcpExt\n  A  1\n  B\n    x  {1}\nz       1"},
		"odd names": {list(rec(f("a b", list(num("1"), rec(f("9", num("1"))))))), Options{},
			"a b\n" + `{1, {["9"] = 1}}`},
		"table": {list(row("LISTEN", "127.0.0.1:80", "0"), row("ESTABLISHED", "[::1]:4", "129")), Options{},
			"state        local_addr    recv_q\nLISTEN       127.0.0.1:80       0\nESTABLISHED  [::1]:4          129"},
		"table union": {list(rec(f("a", num("1"))), rec(f("b", str("x")))), Options{}, "a  b\n1\n   x"},
		"table clipped": {list(row("LISTEN", strings.Repeat("a", 99), "7")), Options{Width: 40},
			"state   local_addr                recv_q\nLISTEN  aaaaaaaaaaaaaaaaaaaaaaa…       7"},
		"table without room": {list(rec(f("aaaaaaaa", num("1")), f("bbbbbbbb", num("2")), f("cccccccc", num("3")))),
			Options{Width: 20}, "aaaaaaaa  bbbbbbbb\n       1         2\n… not shown: cccccc…"},
		"table rows": {list(rec(f("a", num("1"))), rec(f("a", num("2"))), rec(f("a", num("3")))), Options{Items: 1},
			"a\n1\n… 2 more"},
		"wide runes": {list(rec(f("n", str("日本")), f("v", num("1"))), rec(f("n", str("a")), f("v", num("2")))), Options{},
			"n     v\n日本  1\na     2"},
		"mixed list": {list(rec(f("a", num("1"))), num("2")), Options{}, "{{a = 1}, 2}"},
		"color":      {rec(f("a", str("x"))), Options{Color: true}, "\x1b[36ma\x1b[0m  \x1b[32m\"x\"\x1b[0m"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text(c.in, c.o); got != c.want {
				t.Errorf("got:\n%s\nwanted:\n%s", got, c.want)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	n := num("1")
	for range 50 {
		n = rec(f("a", n), f("b", list(n)))
		if len(n.Fields[0].Value.Fields) > 0 {
			n.Fields[1].Value = num("2")
		}
	}
	got := Text(n, Options{Width: 80})
	if lines := strings.Count(got, "\n"); lines > 20 || !strings.Contains(got, "{…}") {
		t.Errorf("a deep value is not cut off:\n%s", got)
	}
}

// hostile is what a peer may send, wherever it may end up.
var hostile = []string{
	"\x1b[2J\x1b]0;owned\a", "\x9b31m", "\u009b31m", "a\rb", "\x7f\b\b", "\u202egnp.exe", "\u2066x\u2069",
	"\xff\xfe", "\x00", "\u200b\ufeff", "\U000e0041", "\u2028", "\ue000",
}

func TestHostileBytes(t *testing.T) {
	for _, s := range hostile {
		shapes := map[string]Node{
			"string": str(s), "object": {Kind: Object, Text: s}, "type": {Kind: Object, Type: s},
			"item": list(str(s)), "record": rec(f(s, str(s))), "table": list(rec(f(s, str(s)), f("o", Node{Kind: Object, Text: s}))),
			"nested": rec(f("a", rec(f(s, rec(f(s, Node{Kind: Object, Text: "x\n" + s})))))),
			"long":   list(str(s+strings.Repeat("x", 99)), str("y")),
		}
		for shape, n := range shapes {
			for _, o := range []Options{{}, {Width: 40}, {Quote: true}} {
				for _, r := range strings.ReplaceAll(Text(n, o), "\n", "") {
					if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
						t.Errorf("%s of %q: %q gets through in %q", shape, s, r, Text(n, o))
					}
				}
			}
			line := JSON(n)
			if !json.Valid([]byte(line)) {
				t.Errorf("%s of %q: not JSON: %q", shape, s, line)
			}
			for _, r := range line {
				if !unicode.IsGraphic(r) {
					t.Errorf("%s of %q: %q gets through in %q", shape, s, r, line)
				}
			}
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "é日": "é日", "\x1b[2J": `\x1b[2J`, "a\tb\r\n": `a\tb\r\n`, "\u0085\u202e": `\u0085\u202e`,
		"\xffz": `\xffz`, "\U000e0041": `\u{e0041}`, "\x7f": `\x7f`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, wanted %q", in, got, want)
		}
	}
	if got := EscapeLines("a\tb\n\r"); got != "a\tb\n\\r" {
		t.Errorf("EscapeLines: %q", got)
	}
}

func TestJSON(t *testing.T) {
	for want, n := range map[string]Node{
		`null`: {}, `true`: {Kind: Bool, Text: "true"}, `1.5`: num("1.5"), `1e+15`: num("1e+15"),
		`"a\u001b\ufffd\u202e\udb40\udc41"`: str("a\x1b\xff\u202e\U000e0041"),
		`[]`:                                list(),
		`{}`:                                rec(),
		`{"a":[1,"x"],"b":{}}`:              rec(f("a", list(num("1"), str("x"))), f("b", rec())),
		`{"1":1,"n":2}`:                     {Kind: Record, Items: []Node{num("1")}, Fields: []Field{f("n", num("2"))}},
		`[1,{"(more)":3}]`:                  {Kind: List, Items: []Node{num("1")}, More: 3},
		`{"a":1,"(more)":3}`:                {Kind: Record, Fields: []Field{f("a", num("1"))}, More: 3},
		`{"addr":"x"}`:                      {Kind: Object, Text: "Server x", Fields: []Field{f("addr", str("x"))}},
		`"Server x"`:                        {Kind: Object, Text: "Server x"},
		`[null,null,null,null]`:             list(num("nan"), num("inf"), num("-inf"), num("-nan")),
	} {
		if got := JSON(n); got != want {
			t.Errorf("got %s, wanted %s", got, want)
		}
	}
}
