package dns

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/nsh-lab/nsh/engines"
)

func TestMisuse(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct {
		name   string
		change func(*resolveOptions)
		want   string
	}{
		{"", nil, "name: is empty"},
		{long + ".test", nil, "name: has a label of more than 63 bytes"},
		{strings.Repeat("abcdefg.", 32), nil, "name: is 257 bytes long on the wire; a name has at most 255"},
		{"a..test", nil, "name: has an empty label"},
		{".a", nil, "name: has an empty label"},
		{"münchen.test", nil, "name: is not ASCII"},
		{`a\`, nil, `name: has a \ that is followed`},
		{`a\999`, nil, `name: has "\\999", which is no byte`},
		{"a.test", func(o *resolveOptions) { o.Type = "AAA" }, `type: "AAA" unknown, did you mean 'AAAA'?`},
		{"a.test", func(o *resolveOptions) { o.Type = "AXFR" }, "type: AXFR: a zone transfer"},
		{"a.test", func(o *resolveOptions) { o.Type = "TYPE70000" }, "type: "},
		{"a.test", func(o *resolveOptions) { o.Type = "" }, "type: "},
		{"a.test", func(o *resolveOptions) { o.Class = "INN" }, `class: "INN" unknown`},
		{"a.test", func(o *resolveOptions) { o.Server = "127.0.0.1:x" }, "server: "},
		{"a.test", func(o *resolveOptions) { o.Server = "[::1" }, "server: "},
		{"a.test", func(o *resolveOptions) { o.From = "here" }, "from: "},
		{"a.test", func(o *resolveOptions) { o.From = "::1" }, "from: "},
	} {
		_, err := ask(t, c.name, asDeclared("127.0.0.1:9", func(o *resolveOptions) {
			if c.change != nil {
				c.change(o)
			}
		}))
		if code(err) != "misuse" || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, wanted %s…", c.name, err, c.want)
		}
	}
	if _, err := wireName(strings.Repeat("abcdefg.", 31) + "abcde"); err != nil {
		t.Errorf("255 bytes on the wire: %v", err)
	}
}

func TestFixedIDAndFrom(t *testing.T) {
	queries := make(chan []byte, 1)
	addr := hostile(t, func(q []byte) [][]byte {
		queries <- q
		return [][]byte{truth(q)}
	})
	id := uint16(0)
	_, err := ask(t, "abcdef.test", asDeclared(addr, func(o *resolveOptions) { o.ID, o.MixCase, o.From = &id, false, "127.0.0.2" }))
	if err != nil {
		t.Fatal(err)
	}
	if q := <-queries; q[0] != 0 || q[1] != 0 || string(q[headerSize+1:headerSize+7]) != "abcdef" {
		t.Errorf("sent %q", q)
	}
}

func TestOnlyWhatThePlaceAllows(t *testing.T) {
	held := engines.Here{LoopbackOnly: true}
	_, err := lookup(context.Background(), held, "a.test", asDeclared("192.0.2.1"))
	if code(err) != "EACCES" {
		t.Errorf("saw %v", err)
	}
	_, err = newServer(context.Background(), held, serveOptions{Zone: "a.test. A 192.0.2.1", Addr: new("192.0.2.1:0")})
	if code(err) != "EACCES" {
		t.Errorf("saw %v", err)
	}
}

func TestSystemServer(t *testing.T) {
	for text, want := range map[string]string{
		"": "127.0.0.1:53", "# nameserver 192.0.2.1\n": "127.0.0.1:53", "nameserver\nnameserver x\n": "127.0.0.1:53",
		"search test\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n": "192.0.2.1:53",
		"nameserver 2001:db8::1 # one":                              "[2001:db8::1]:53",
		"nameserver fe80::1%eth0":                                   "[fe80::1%eth0]:53",
	} {
		if got := firstServer(strings.NewReader(text)); got != netip.MustParseAddrPort(want) {
			t.Errorf("%q: %v, wanted %v", text, got, want)
		}
	}
}
