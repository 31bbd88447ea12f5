package dns

import (
	"fmt"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/nsh-lab/nsh/lua"
)

// A zone is what a server knows: the names of one or more zones, each name in lower case on the wire.
type zone struct {
	nodes map[string]*node
	apex  map[string]*mdns.SOA // zones by their apex
	cut   map[string]bool      // of the apexes those whose SOA the text has: below them an NS record delegates
}

// A node is a name that exists: with records, or only because a longer name does.
type node struct{ sets map[uint16][]mdns.RR }

const defaultTTL = 3600

// parseZone reads a zone file (RFC 1035, section 5). A TTL and a class may be left out, a name without a dot at its end
// is taken as if it had one, and an indentation that all lines share does not count, so that the text can stand in a
// script.
//
// A record that has no SOA above it belongs to a zone of its last label, with an SOA made for it: one line is a zone,
// for which other names under "test." do not exist and names elsewhere are refused.
func parseZone(text string) (*zone, error) {
	z := &zone{nodes: map[string]*node{}, apex: map[string]*mdns.SOA{}, cut: map[string]bool{}}
	// $TTL, since without it a record takes the TTL of the one before (RFC 1035, section 5.1), which nobody expects.
	lines := dedent(text)
	parser := mdns.NewZoneParser(strings.NewReader(fmt.Sprintf("$TTL %d\n%s", defaultTTL, lines)), ".", "")
	var all []mdns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if class := rr.Header().Class; class != mdns.ClassINET {
			return nil, lua.Misusef("zone", "%s: only class IN is served", rr.Header().Name)
		}
		all = append(all, rr)
		if soa, ok := rr.(*mdns.SOA); ok {
			key := wireKey(soa.Hdr.Name)
			z.apex[key], z.cut[key] = soa, true
		}
	}
	if err := parser.Err(); err != nil {
		return nil, zoneMisuse(err, lines)
	}
	if len(all) == 0 {
		return nil, lua.Misusef("zone", `has no records; one line is "a.test. A 192.0.2.1"`)
	}
	for _, rr := range all {
		z.add(rr)
	}
	return z, nil
}

// zoneMisuse says which line is wrong, and shows it. The parser has the number only in its text, and it has read a line
// more.
func zoneMisuse(err error, text string) error {
	what := strings.TrimPrefix(strings.TrimPrefix(err.Error(), ": "), "dns: ")
	what, at, ok := strings.Cut(what, " at line: ")
	number, _, _ := strings.Cut(at, ":")
	n, err := strconv.Atoi(number)
	lines := strings.Split(text, "\n")
	if !ok || err != nil || n < 2 || n > len(lines)+1 {
		return lua.Misusef("zone", "%s", what)
	}
	return lua.Misusef("zone", "line %d: %s in %q", n-1, what, shorten(strings.TrimSpace(lines[n-2])))
}

func (z *zone) add(rr mdns.RR) {
	key := wireKey(rr.Header().Name)
	apex, ok := z.apexOf(key)
	if !ok {
		apex = lastLabel(key)
		z.apex[apex] = madeSOA(apex)
	}
	if soa := z.apex[apex]; z.nodes[apex] == nil {
		z.nodes[apex] = &node{sets: map[uint16][]mdns.RR{mdns.TypeSOA: {soa}}}
	}
	if rr.Header().Rrtype == mdns.TypeSOA {
		return // it is there
	}
	z.node(key).add(rr)
	// A name makes those between it and the apex exist, without records (RFC 8020).
	for up := key; up != apex; up = parent(up) {
		z.node(up)
	}
}

func (z *zone) node(key string) *node {
	n := z.nodes[key]
	if n == nil {
		n = &node{sets: map[uint16][]mdns.RR{}}
		z.nodes[key] = n
	}
	return n
}

func (n *node) add(rr mdns.RR) {
	t := rr.Header().Rrtype
	for _, have := range n.sets[t] {
		if mdns.IsDuplicate(have, rr) {
			return
		}
	}
	n.sets[t] = append(n.sets[t], rr)
}

// apexOf is the nearest zone that the name is in.
func (z *zone) apexOf(key string) (string, bool) {
	for {
		if _, ok := z.apex[key]; ok {
			return key, true
		}
		if key == "\x00" {
			return "", false
		}
		key = parent(key)
	}
}

// wireKey is a name as maps have it: on the wire, in lower case. Notations of the same name have the same key.
func wireKey(name string) string {
	wire, err := wireName(name)
	if err != nil {
		return "\x00"
	}
	for i, c := range wire {
		if c >= 'A' && c <= 'Z' {
			wire[i] = c | 0x20
		}
	}
	return string(wire)
}

// parent is the name without its first label.
func parent(key string) string { return key[1+int(key[0]):] }

func lastLabel(key string) string {
	for key != "\x00" && parent(key) != "\x00" {
		key = parent(key)
	}
	return key
}

// madeSOA is the start of authority of a zone whose text has none: a resolver needs one to know how long a name that
// does not exist may be remembered (RFC 2308).
func madeSOA(apex string) *mdns.SOA {
	name, _, err := mdns.UnpackDomainName([]byte(apex), 0)
	if err != nil {
		name = "."
	}
	suffix := strings.TrimPrefix(name, ".")
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: defaultTTL},
		Ns:  "ns." + suffix, Mbox: "hostmaster." + suffix,
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60,
	}
}

// dedent takes off the white space that all lines with text begin with: in a zone file a line that begins with a blank
// means the name of the line before.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	common := -1
	for _, line := range lines {
		body := strings.TrimLeft(line, " \t")
		if strings.TrimSpace(body) == "" || body[0] == ';' {
			continue
		}
		if n := len(line) - len(body); common < 0 || n < common {
			common = n
		}
	}
	for i, line := range lines {
		cut := min(max(common, 0), len(line)-len(strings.TrimLeft(line, " \t")))
		lines[i] = line[cut:]
	}
	return strings.Join(lines, "\n")
}
