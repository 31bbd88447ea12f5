package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// build reads a laboratory from words: "a r/router s/switch" are its nodes, "a-r r-s" its links.
func build(t *testing.T, nodes, links string) *Plan {
	t.Helper()
	p := New()
	for _, word := range strings.Fields(nodes) {
		name, kind, _ := strings.Cut(word, "/")
		k := map[string]Kind{"": Host, "router": Router, "switch": Switch}[kind]
		if _, err := p.AddNode(k, name, NodeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range strings.Fields(links) {
		a, b, _ := strings.Cut(word, "-")
		if _, err := p.AddLink(p.Node(a), p.Node(b), LinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p.Assign()
	return p
}

func addrs(p *Plan, name string) string {
	var out []string
	for _, a := range p.Node(name).Addrs() {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

func routes(p *Plan, name string) string {
	var out []string
	for _, r := range p.Routes(p.Node(name)) {
		if r.Dst.Addr().Is4() {
			out = append(out, fmt.Sprintf("%s>%s", r.Dst, r.Via))
		}
	}
	return strings.Join(out, " ")
}

func TestAddressesAndRoutes(t *testing.T) {
	for _, c := range []struct{ nodes, links, of, addrs, routes string }{
		{"a b", "a-b", "a", "10.0.1.1 fd00:0:0:1::1", ""},
		{"a r/router b", "a-r r-b", "a", "10.0.1.2 fd00:0:0:1::2", "0.0.0.0/0>10.0.1.1"},
		{"a r/router b", "a-r r-b", "r", "10.0.1.1 10.0.2.1 fd00:0:0:1::1 fd00:0:0:2::1", ""},
		{"a r/router q/router b", "a-r r-q q-b", "r", "10.0.1.1 10.0.2.1 fd00:0:0:1::1 fd00:0:0:2::1", "10.0.3.0/24>10.0.2.2"},
		{"a r/router q/router b", "a-r r-q q-b", "q", "10.0.2.2 10.0.3.1 fd00:0:0:2::2 fd00:0:0:3::1", "10.0.1.0/24>10.0.2.1"},
		// A switch is one network, in which routers come first.
		{"a b s/switch r/router c", "a-s b-s r-s r-c", "b", "10.0.1.3 fd00:0:0:1::3", "0.0.0.0/0>10.0.1.1"},
		{"a b s/switch r/router c", "a-s b-s r-s r-c", "s", "", ""},
		{"a b s/switch t/switch", "a-s b-t s-t", "b", "10.0.1.2 fd00:0:0:1::2", ""},
		// Two routers in reach: the first one is the default, what the other one is nearer to has a route of its own.
		{"a s/switch r/router q/router b c", "a-s r-s q-s r-b q-c", "a", "10.0.1.3 fd00:0:0:1::3", "0.0.0.0/0>10.0.1.1 10.0.3.0/24>10.0.1.2"},
		// A circle of routers: the short way.
		{"a r/router q/router s/router", "a-r r-q q-s s-r", "a", "10.0.1.2 fd00:0:0:1::2", "0.0.0.0/0>10.0.1.1"},
		{"a r/router q/router s/router", "a-r r-q q-s s-r", "r", "10.0.1.1 10.0.2.1 10.0.4.2 fd00:0:0:1::1 fd00:0:0:2::1 fd00:0:0:4::2", "10.0.3.0/24>10.0.2.2"},
		{"a b c", "a-b", "c", "", ""},
	} {
		p := build(t, c.nodes, c.links)
		if got := addrs(p, c.of); got != c.addrs {
			t.Errorf("%s, %s: %s has %q, wanted %q", c.nodes, c.links, c.of, got, c.addrs)
		}
		if got := routes(p, c.of); got != c.routes {
			t.Errorf("%s, %s: %s has the routes %q, wanted %q", c.nodes, c.links, c.of, got, c.routes)
		}
	}
}

// TestGrowth adds to a laboratory whose addresses are used already: they stay.
func TestGrowth(t *testing.T) {
	p := build(t, "a s/switch r/router", "a-s r-s")
	before := addrs(p, "a")
	b, _ := p.AddNode(Host, "b", NodeOptions{})
	c, _ := p.AddNode(Host, "c", NodeOptions{})
	for _, l := range [][2]*Node{{b, p.Node("s")}, {p.Node("r"), c}} {
		if _, err := p.AddLink(l[0], l[1], LinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p.Assign()
	if got := addrs(p, "a"); got != before {
		t.Errorf("a had %s and has %s", before, got)
	}
	if got := addrs(p, "b") + ", " + addrs(p, "c"); got != "10.0.1.3 fd00:0:0:1::3, 10.0.2.2 fd00:0:0:2::2" {
		t.Error(got)
	}
}

func TestGiven(t *testing.T) {
	p := New()
	a, err := p.AddNode(Host, "a", NodeOptions{Addrs: []string{"10.0.1.7/24"}, Gateway: "10.0.1.9"})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := p.AddNode(Router, "r", NodeOptions{})
	b, _ := p.AddNode(Host, "b", NodeOptions{})
	if _, err := p.AddLink(r, b, LinkOptions{MTU: 1000}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddLink(a, r, LinkOptions{Addrs: [2][]string{1: {"10.0.1.9", "2001:db8::1"}}}); err != nil {
		t.Fatal(err)
	}
	p.Assign()
	// What is given is left out of the numbering; below an MTU of 1280 there is no IPv6.
	for name, want := range map[string]string{"a": "10.0.1.7 2001:db8::2", "r": "10.0.2.1 10.0.1.9 2001:db8::1", "b": "10.0.2.2"} {
		if got := addrs(p, name); got != want {
			t.Errorf("%s has %s, wanted %s", name, got, want)
		}
	}
	if got := routes(p, "a"); got != "0.0.0.0/0>10.0.1.9" {
		t.Error(got)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

func TestRefusedNames(t *testing.T) {
	p := build(t, "a", "")
	for name, want := range map[string]string{
		"":                      "an empty string is no name",
		strings.Repeat("x", 40): "a name has 15 letters at most, and this has 40",
		"a":                     "there is a host a already",
		"A":                     "there is a host a already",
		"a b":                   "letters, digits and hyphens",
		"a.b":                   "letters, digits and hyphens",
		"-a":                    "letters, digits and hyphens",
		"a\x00":                 "letters, digits and hyphens",
		"12":                    "could be taken for an address",
		"localhost":             "localhost is every host itself",
	} {
		if _, err := p.AddNode(Host, name, NodeOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for i := 1; i < MostNodes; i++ {
		if _, err := p.AddNode(Host, fmt.Sprintf("h%d", i), NodeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.AddNode(Host, "more", NodeOptions{}); err == nil || !strings.Contains(err.Error(), "64 hosts") {
		t.Error(err)
	}
}

func TestRefusedLinks(t *testing.T) {
	for _, c := range []struct {
		nodes, links, a, b string
		o                  LinkOptions
		want               string
	}{
		{"a b", "", "a", "a", LinkOptions{}, "a link from a to itself"},
		{"a b", "", "a", "b", LinkOptions{MTU: 10}, "10: from 68"},
		{"a b", "", "a", "b", LinkOptions{MTU: 65536}, "65536: from 68"},
		{"s/switch t/switch", "s-t", "t", "s", LinkOptions{}, "loop of switches"},
		{"s/switch t/switch u/switch", "s-t t-u", "u", "s", LinkOptions{}, "loop of switches"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"10.0.0.1/24"}, {"10.0.0.1/24"}}}, "10.0.0.1 is b's already"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"10.0.0.1/24"}, {"10.0.0.2/16"}}}, "overlap"},
		{"a b c", "a-b", "b", "c", LinkOptions{Addrs: [2][]string{{"10.0.1.9/24"}}}, "10.0.1.0/24 (b) and 10.0.1.0/24 (a) overlap"},
		{"a b c", "a-b", "b", "c", LinkOptions{Addrs: [2][]string{{"10.0.1.1/30"}}}, "10.0.1.1 is a's already"},
		{"a s/switch", "", "a", "s", LinkOptions{Addrs: [2][]string{1: {"10.0.0.1/24"}}}, "s is a switch, and has no address"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"300.0.0.1"}}}, "no IP address"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"10.0.0.0/24"}}}, "the network itself"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"10.0.0.255/24"}}}, "broadcast"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"127.0.0.1/8"}}}, "cannot be the address"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"224.0.0.1/24"}}}, "cannot be the address"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"fe80::1/64"}}}, "made by the kernel"},
		{"a b", "", "a", "b", LinkOptions{Addrs: [2][]string{{"10.0.0.1/0"}}}, "leaves no room"},
		{"a b", "", "a", "b", LinkOptions{MTU: 1000, Addrs: [2][]string{{"fd00::1/64"}}}, "IPv6 needs 1280"},
		{"a b", "", "a", "b", LinkOptions{MACs: [2]string{"02:00:00:00:09:09", "02:00:00:00:09:09"}}, "both ends have"},
		{"a b", "", "a", "b", LinkOptions{MACs: [2]string{"01:00:00:00:09:09"}}, "no address of an Ethernet interface"},
		{"a b c", "a-b", "b", "c", LinkOptions{MACs: [2]string{1: "02:00:00:00:01:00"}}, "a's eth0 already"},
		// Two switches with hosts that have been numbered apart.
		{"a s/switch b t/switch", "a-s b-t", "s", "t", LinkOptions{}, "would become one"},
	} {
		p := build(t, c.nodes, c.links)
		before := len(p.Links)
		_, err := p.AddLink(p.Node(c.a), p.Node(c.b), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s, then %s-%s %+v: %v", c.nodes, c.links, c.a, c.b, c.o, err)
		}
		if len(p.Links) != before || len(p.macs) != 2*before {
			t.Errorf("%s-%s was refused, and left something behind", c.a, c.b)
		}
	}
	p := build(t, "a b", "")
	for range MostLinks {
		if _, err := p.AddLink(p.Node("a"), p.Node("b"), LinkOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.AddLink(p.Node("a"), p.Node("b"), LinkOptions{}); err == nil || !strings.Contains(err.Error(), "256 links") {
		t.Error(err)
	}
}

func TestRefusedOptions(t *testing.T) {
	p := New()
	for want, o := range map[string]NodeOptions{
		"no IP address": {Gateway: "here"}, "10.0.0.0 is the network itself": {Addrs: []string{"10.0.0.0/8"}}, "::1 cannot be": {Addrs: []string{"::1"}},
	} {
		if _, err := p.AddNode(Host, "h", o); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "10.0.0.0 is ")) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := p.AddNode(Switch, "s", NodeOptions{Addrs: []string{"10.0.0.1"}}); err == nil {
		t.Error("a switch with an address")
	}
	if _, err := p.AddNode(Router, "r", NodeOptions{Gateway: "10.0.0.1"}); err == nil {
		t.Error("a router with a gateway")
	}
	h, err := p.AddNode(Host, "h", NodeOptions{Gateway: "10.9.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	k, _ := p.AddNode(Host, "k", NodeOptions{})
	p.AddLink(h, k, LinkOptions{})
	p.Assign()
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "h's gateway 10.9.0.1 is on none of its links") {
		t.Error(err)
	}
}

// TestLargest numbers the largest laboratory, and finds every way in it.
func TestLargest(t *testing.T) {
	p := New()
	for i := range MostNodes {
		p.AddNode(Router, fmt.Sprintf("r%d", i), NodeOptions{})
	}
	for i := range MostLinks {
		a, b := p.Nodes[i%MostNodes], p.Nodes[(i*7+i/MostNodes+1)%MostNodes]
		if a != b {
			if _, err := p.AddLink(a, b, LinkOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.Assign()
	seen := map[netip.Addr]bool{}
	for _, n := range p.Nodes {
		for _, ip := range n.Addrs() {
			if seen[ip] {
				t.Errorf("%s is there twice", ip)
			}
			seen[ip] = true
		}
		reached := networks(n, false)
		for _, r := range p.Routes(n) {
			if r.Dst.Addr().Is4() {
				reached = append(reached, r.Dst)
			}
		}
		if len(reached) != len(p.Links) {
			t.Errorf("%s reaches %d networks of %d", n.Name, len(reached), len(p.Links))
		}
		slices.SortFunc(reached, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		if len(slices.Compact(reached)) != len(p.Links) {
			t.Errorf("%s has two routes to one network", n.Name)
		}
	}
}
