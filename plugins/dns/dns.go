// Package dns is the plugin of names: a resolver's side that shows what was asked and believes no forged answer, and a
// server of a small zone, so that a laboratory needs no other.
//
// The messages are packed and read by miekg/dns; sending them, waiting and deciding what is an answer is done here,
// since that library's client gives up at the first packet that is not one.
package dns

import (
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "dns",
		Doc:  "Asks resolvers for the records of names, and serves small zones.",
		Modules: []lua.Module{{
			Name: "dns",
			Doc:  "Asks resolvers for the records of names, and serves small zones.",
			Funcs: []lua.Func{
				{
					Name: "resolve", Params: "name, options", Returns: "Answer | nil, err", Call: resolve,
					Doc: `Asks a resolver for the records of a name.

A name that does not exist, a server that fails or refuses, and a time that runs out are nil, err with the code
"NXDOMAIN", "SERVFAIL", "REFUSED", "ETIMEDOUT". A name without records of the type is an empty Answer.

What arrives is the answer when it comes from the server's address and port and brings back the ID and the question as
they were sent, letter for letter. Everything else is counted in .rejected and waited past: "garbage", "id",
"not_a_response", "opcode", "question", "case". An answer that was cut (TC) is asked for again over TCP.`,
					Example: `local z = assert(dns.serve{zone = "a.test. A 192.0.2.1"})
print(assert(dns.resolve("a.test", {server = z.addr}))[1].data)  --> 192.0.2.1
local answer, err = dns.resolve("b.test", {server = z.addr})
assert(answer == nil)
print(err.code)  --> NXDOMAIN
print(#assert(dns.resolve("a.test", {server = z.addr, type = "TXT"})))  --> 0`,
				},
				{
					Name: "reverse", Params: "ip, options", Returns: "Answer | nil, err", Call: reverse,
					Doc: "Asks a resolver for the names of an address: PTR records below in-addr.arpa or ip6.arpa. The options are resolve's.",
					Example: `local z = assert(dns.serve{zone = "7.2.0.192.in-addr.arpa. PTR www.example.test."})
print(assert(dns.reverse("192.0.2.7", {server = z.addr}))[1].data)  --> www.example.test.`,
				},
				{
					Name: "lookup", Params: "name, options", Returns: "list of addresses | nil, err", Call: system,
					Doc: `Finds the addresses of a name as programs do: by /etc/hosts and the system's resolver (getaddrinfo(3)).

On a host of a laboratory, the laboratory's names come first, then the host's resolver.`,
					Example: `print(assert(dns.lookup("localhost", {family = 4}))[1])  --> 127.0.0.1
local l, a, r, b = lab.line("a", "r", "b")
assert(dns.lookup("b", {on = a})[1] == b.addrs[1])`,
				},
				{
					Name: "compare", Params: "name, options", Returns: "{same, answers, errors} | nil, err", Call: compare,
					Doc: `Asks several servers for the same records, all at once, and says whether they agree.

The servers are a list, {"192.0.2.1", "192.0.2.2"}, or servers = {…}. A server whose records differ, in anything but their
order and their TTL, may be out of date, near somebody else, or lie.`,
					Example: `local honest = assert(dns.serve{zone = "bank.test. A 192.0.2.1"})
local liar = assert(dns.forward{to = honest.addr, rewrite = function() return "192.0.2.66" end})
local c = assert(dns.compare("bank.test", {honest.addr, liar.addr}))
print(c.same, c.answers[honest.addr][1].data, c.answers[liar.addr][1].data)  --> false	192.0.2.1	192.0.2.66`,
				},
				{
					Name: "trace", Params: "name, options", Returns: "Trace | nil, err", Call: trace,
					Doc: `Finds a name's records as a resolver does that begins with nothing: from the root, from one zone's servers to the next.

Each server is asked for what it knows itself; it has the answer, or sends to the servers of a zone further down. Their
addresses (glue) count where they are that zone's own to give. .answer is what the last server said.`,
					Example: `local l = assert(lab.new())
local me, root, test, s = l:host("me"), l:host("root"), l:host("test"), l:switch("s")
l:link(me, s) l:link(root, s) l:link(test, s)
local r = assert(dns.serve{on = root, addr = "root:53", zone = ([[
    .           SOA ns.root. admin.root. 1 3600 600 86400 60
    test.       NS  ns.test.
    ns.test.    A   %s]]):format(test.addrs[1])})
local t = assert(dns.serve{on = test, addr = "test:53", zone = "www.test. A 192.0.2.1"})
local way = assert(dns.trace("www.test", {start = r.addr, on = me}))
print(#way, way[1].zone, way[2].zone, way[2].name, way[2].glue)  --> 2	.	test.	ns.test.	true
print(way.answer[1].data)  --> 192.0.2.1`,
				},
				{
					Name: "serve", Params: "options", Returns: "DnsServer | nil, err", Call: serve,
					Doc: `Serves a small zone over UDP and TCP.

The zone is a text of records, one a line, as in a zone file (RFC 1035): TTL and class may be left out, $ORIGIN and
$TTL work, a * matches names that are not there. Without an SOA the zone is everything under the names' last label.
Names outside are REFUSED.

rewrite(query, answer) sees each answer before it is sent. query has .name, .type, .from, .proto and .id, answer is a list of
{name, type, ttl, data} with an .rcode. What it returns is sent: the answer, changed or not; another such list; a string,
which is the data of the one record that was asked for; or nil, and nothing is sent.`,
					Example: `local z = assert(dns.serve{zone = [[
    $ORIGIN example.test.
    www        CNAME  host
    host       A      192.0.2.7
    host  60   TXT    "hello, world"
]]})
for _, r in ipairs(assert(dns.resolve("www.example.test", {server = z.addr}))) do
    print(r.name, r.type, r.data)
end
--> www.example.test.	CNAME	host.example.test.
--> host.example.test.	A	192.0.2.7
z:stop()`,
				},
				{
					Name: "forward", Params: "options", Returns: "DnsServer | nil, err", Call: forward,
					Doc: `Serves what another server says: a resolver as it stands in a home's router, and what a hijacked one is.

rewrite(query, answer) sees each answer before it is sent, as in dns.serve. cache = true remembers answers for as long as
their TTL says; cache = dns.cache{} is one that can be looked into.`,
					Example: `local z = assert(dns.serve{zone = "a.test. 60 A 192.0.2.1"})
local f = assert(dns.forward{to = z.addr, cache = true})
for i = 1, 3 do print(assert(dns.resolve("a.test", {server = f.addr}))[1].data) end
--> 192.0.2.1
--> 192.0.2.1
--> 192.0.2.1
print(z:stats().queries, f:stats().queries)  --> 1	3`,
				},
				{
					Name: "cache", Params: "options", Returns: "Cache", Call: newCache,
					Doc: "Makes a cache for dns.forward.",
					Example: `local c = dns.cache{max = 100}
local z = assert(dns.serve{zone = "a.test. 60 A 192.0.2.1"})
local f = assert(dns.forward{to = z.addr, cache = c})
assert(dns.resolve("a.test", {server = f.addr}))
print(c.size, c:entries()[1].name, c:entries()[1].data)  --> 1	a.test.	192.0.2.1
c:flush()
print(c.size)  --> 0`,
				},
			},
			Types: []lua.Type{answerType(), serverType(), cacheType(),
				{Name: "Trace", Of: Trace{}, Doc: "The way from the root to an answer, from dns.trace: a list of the servers that were asked."},
				{Name: "Comparison", Of: Comparison{}, Doc: "What several servers say of one name, from dns.compare."},
				{Name: "DnsQuery", Of: Query{}, Doc: "What a rewrite function is told of a query."},
				{Name: "DnsDraft", Of: Draft{}, Doc: "The answer that a rewrite function may change: a list of {name, type, ttl, data}."},
			},
		}},
	}
}

func answerType() lua.Type {
	return lua.Type{
		Name: "Answer", Of: Answer{},
		Doc: "What a resolver said: a list of {name, type, ttl, data}, in the resolver's order, a chain of CNAMEs included. Data is as dig shows it.",
	}
}

func serverType() lua.Type {
	return lua.Type{
		Name: "DnsServer", Of: (*Server)(nil),
		Doc: "A server of a small zone.",
		Fields: []lua.Field{
			{Name: "addr", Doc: "where it answers, \"ip:port\", the same for UDP and TCP", Get: func(s *Server) string { return s.Addr }},
		},
		Methods: []lua.Func{
			{
				Name: "stats", Call: (*Server).Stats,
				Doc: "Counts what came and what was answered: {queries, udp, tcp, answers, truncated, dropped, malformed, errors, rcodes}.",
				Example: `local z = assert(dns.serve{zone = "a.test. A 192.0.2.1"})
assert(dns.resolve("a.test", {server = z.addr}))
local s = z:stats()
print(s.queries, s.answers, s.rcodes.NOERROR)  --> 1	1	1`,
			},
			{
				Name: "stop", Call: (*Server).stop,
				Doc: "Stops the server and closes its sockets.",
				Example: `local z = assert(dns.serve{zone = "a.test. A 192.0.2.1"})
print(z:stop())  --> true
local answer, err = dns.resolve("a.test", {server = z.addr})
print(err.code)  --> ECONNREFUSED`,
			},
			{
				Name: "close", Call: (*Server).stop,
				Doc: "Stops the server, as stop does.",
				Example: `local z = assert(dns.serve{zone = "a.test. A 192.0.2.1"})
print(z:close())  --> true`,
			},
		},
	}
}
