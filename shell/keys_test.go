package shell

import (
	"strings"
	"testing"
)

func TestKeyFilter(t *testing.T) {
	const (
		nl  = string(runeNewline)
		del = string(runeDelete)
	)
	for name, c := range map[string]struct{ in, want string }{
		"plain":               {"print(1)\r", "print(1)\r"},
		"utf-8":               {"héllo 日", "héllo 日"},
		"delete":              {"\x1b[3~", del},
		"home":                {"\x1b[1~\x1b[7~\x1b[H\x1bOH", "\x01\x01\x01\x1bOH"},
		"end":                 {"\x1b[4~\x1b[8~\x1b[F\x1bOF", "\x05\x05\x05\x1bOF"},
		"ctrl arrows":         {"\x1b[1;5D\x1b[1;3D\x1b[1;5C\x1b[1;3C", "\x1bb\x1bb\x1bf\x1bf"},
		"arrows":              {"\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA", "\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA"},
		"shift enter":         {"a\x1b[13;2ub", "a" + nl + "b"},
		"alt enter":           {"a\x1b\rb", "a" + nl + "b"},
		"alt letters":         {"\x1bb\x1bf\x1bd\x1b\x7f", "\x1bb\x1bf\x1bd\x1b\x7f"},
		"unknown alt":         {"\x1bxy\x1b日z", "yz"},
		"unknown csi":         {"a\x1b[?1;2cb\x1b[15~c\x1b[5;9;1Rd", "abcd"},
		"console function":    {"a\x1b[[Ab", "ab"},
		"broken csi":          {"a\x1b[1\rb", "a\rb"},
		"endless csi":         {"a\x1b[" + strings.Repeat("1", 40) + "b", "a" + strings.Repeat("1", 10) + "b"},
		"two escapes":         {"a\x1b\x1b[Ab", "a\x1b[Ab"},
		"ctrl-z, nul, undo":   {"a\x1ab\x00c\x1fd", "abcd"},
		"ctrl-c, ctrl-d":      {"\x03\x04", "\x03\x04"},
		"not utf-8":           {"a\xffb\xc3(c", "ab(c"},
		"private runes":       {"a\ue002\ue003b", "ab"},
		"paste":               {"\x1b[200~for i=1,2 do\r\n\tprint(i)\nend\r\x1b[201~\r", "for i=1,2 do" + nl + "  print(i)" + nl + "end" + nl + "\r"},
		"paste crs":           {"\x1b[200~a\rb\r\rc\x1b[201~", "a" + nl + "b" + nl + nl + "c"},
		"paste with controls": {"\x1b[200~a\x03\x04\x1b[31mb\x00\x7f\x1b[201~\x03", "a[31mb\x03"},
		"paste with a marker": {"\x1b[200~a\x1b[200~b\x1b[201~c", "a[200~bc"},
		"escape in a paste":   {"\x1b[200~a\x1b\x1b[201~b\r", "ab\r"},
	} {
		t.Run(name, func(t *testing.T) {
			// Whole, then cut in two at every place, then byte by byte.
			for cut := 0; cut <= len(c.in); cut++ {
				var k keyFilter
				got := string(k.feed([]byte(c.in[:cut]))) + string(k.feed([]byte(c.in[cut:])))
				if got != c.want {
					t.Fatalf("cut at %d: got %q, wanted %q", cut, got, c.want)
				}
			}
			var k keyFilter
			var got string
			for i := range len(c.in) {
				got += string(k.feed([]byte{c.in[i]}))
			}
			if got != c.want {
				t.Errorf("byte by byte: got %q, wanted %q", got, c.want)
			}
		})
	}
}

func FuzzKeyFilter(f *testing.F) {
	f.Add([]byte("\x1b[200~a\r\n\x1b[201~\x1b[3~\x1bOA\x1b[?1c"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var whole, bytewise keyFilter
		want := string(whole.feed(in))
		var got string
		for _, b := range in {
			got += string(bytewise.feed([]byte{b}))
		}
		if got != want {
			t.Errorf("%q: %q in one piece, %q byte by byte", in, want, got)
		}
		if len(whole.held) > longestSequence {
			t.Errorf("%q: %d bytes held", in, len(whole.held))
		}
	})
}
