// Package trace is the plugin of the way to a host: which routers the packets pass, and how long an echo takes.
//
// Both work with ordinary sockets. A router that lowers a packet's TTL to zero says so with an ICMP message, and the
// kernel keeps that, with who sent it, in the error queue of the socket that it is about (ip(7), IP_RECVERR).
package trace

import (
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	const doc = "The way to a host: its routers (TTL), and echoes."
	return plugins.Plugin{
		Name: "trace", Doc: doc, Needs: []string{"lab"},
		Modules: []lua.Module{{
			Name: "trace", Doc: doc,
			Funcs: []lua.Func{routeFunc(), pingFunc()},
			Types: []lua.Type{
				{Name: "Path", Of: Path{}, Doc: "The way to a host, from trace.route: a list of {ttl, addr, seconds, code}, one for each router and the host itself."},
				{Name: "Echoes", Of: Echoes{}, Doc: "What came back of the echo requests of trace.ping: a list of {seq, addr, ttl, seconds, code}, in the order in which they were sent."},
				{Name: "EchoSummary", Of: EchoSummary{}, Doc: "The second result of trace.ping."},
			},
		}},
	}
}

func routeFunc() lua.Func {
	return lua.Func{
		Name: "route", Params: "to, options", Returns: "Path | nil, err", Call: route,
		Doc: `Finds the routers on the way to a host, as traceroute(8) does.

A datagram with a TTL of 1 gets as far as the first router, which lowers the TTL to 0, drops it and says so; one with a
TTL of 2 as far as the second. It goes to a UDP port that nobody listens on (33434 and up), so the host itself answers with
"port unreachable", and the list ends. A router that says nothing has no .addr. Routers say so at most so often (Linux: once
a second to the same host after the first six, net.ipv4.icmp_ratelimit), so what went unanswered is asked again.

.code is why the way ends before the host: "EHOSTUNREACH", "ENETUNREACH", "EACCES", said by the router in .addr.`,
		Example: `local l, a, r1, r2, b = lab.line("a", "r1", "r2", "b")
local path = assert(trace.route("b", {on = a}))
print(#path, path.reached)                      --> 3	true
assert(path[1].addr == r1.addrs[1] and path[2].ttl == 2 and path[3].addr == b.addrs[1])`,
	}
}

func pingFunc() lua.Func {
	return lua.Func{
		Name: "ping", Params: "to, options", Returns: "Echoes, EchoSummary | nil, err", Call: ping,
		Doc: `Sends echo requests to a host, and waits for what comes back, as ping(8) does.

.ttl is what is left of the TTL that the other end sent with (64 on Linux, 128 on Windows), so what is missing is the
count of routers on the way back. A request that nobody answers has no .seconds; one that a router or the kernel refused
has a .code, and in .addr who said so: "TIME_EXCEEDED" is a TTL that ran out. The second result is what came of them all.

The socket is an ordinary user's (icmp(7), net.ipv4.ping_group_range), open to everybody in laboratories and in a script's
own network; elsewhere where the machine allows it, else nil, err with "EACCES".`,
		Example: `local l, a, r, b = lab.line("a", "r", "b")
local echoes, summary = assert(trace.ping("b", {n = 2, interval = 0.01, on = a}))
print(#echoes, echoes[1].ttl, summary.received)  --> 2	63	2
print(assert(trace.ping("b", {n = 1, ttl = 1, on = a}))[1].code)  --> TIME_EXCEEDED`,
	}
}
