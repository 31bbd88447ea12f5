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
					Name: "serve", Params: "options", Returns: "DnsServer | nil, err", Call: serve,
					Doc: `Serves a small zone over UDP and TCP.

The zone is a text of records, one a line, as in a zone file (RFC 1035): TTL and class may be left out, $ORIGIN and
$TTL work, a * matches names that are not there. Without an SOA the zone is everything under the names' last label.
Names outside are REFUSED.`,
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
			},
			Types: []lua.Type{answerType(), serverType()},
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
