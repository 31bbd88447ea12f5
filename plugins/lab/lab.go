// Package lab is the plugin of laboratories: hosts, routers, switches and links, made of the kernel's own network
// namespaces, in a process that nothing gets out of and that leaves nothing behind.
//
// What a laboratory consists of is planned in plan/, without a kernel; build.go has internal/lab's process make it, at
// the moment when somebody first uses it.
package lab

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/lab"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

const about = "Builds small networks of hosts, routers, switches and links, on the real kernel, without root."

// role is the name of the laboratory's process among nsh's roles.
const role = "lab"

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "lab", Doc: about,
		Roles: []engines.Role{{Name: role, Run: func([]string) int { return lab.Run(spawn) }}},
		Modules: []lua.Module{{
			Name: "lab", Doc: about,
			Funcs: []lua.Func{
				{Name: "new", Params: "options", Returns: "Lab | nil, err", Call: newLab,
					Doc: `Makes an empty laboratory, a process of its own that holds the networks of its hosts.

Hosts and links that are added to it are made when they are first used, all at once. It ends with the scope that made
it, and everything in it and opened on its hosts with it.`,
					Example: `local l = assert(lab.new())
local a, r, b = l:host("a"), l:router("r"), l:host("b")
l:link(a, r) l:link(r, b)
local s = assert(server.start{model = "thread", handler = "echo", on = b})
local c = assert(client.dial(s.addr, {on = a}))
c:send("ping\n")
print(c:recv("line"), s.addr:match("[^:]+"))  --> ping	10.0.2.2`},
				{Name: "line", Params: "...", Returns: "Lab, Host… | nil, err", Call: line,
					Doc: "Makes a laboratory of two hosts with routers between them, linked in a line: the first and the last name are hosts. Its hosts follow it.",
					Example: `local l, a, r1, r2, b = assert(lab.line("a", "r1", "r2", "b"))
local s = assert(server.start{handler = "echo", on = b})
print(assert(client.dial("b:" .. s.port, {on = a})).peer_addr == s.addr)  --> true`},
			},
			Consts: []lua.Const{{Name: "here", Value: &Host{},
				Doc: "The script's own private network, as a Host: that of a FILE, or of a prompt started with --private."}},
			Types: []lua.Type{labType(), hostType(), linkType(),
				{Name: "Interface", Of: Interface{}, Doc: "A network interface as the kernel has it."},
				{Name: "Route", Of: Route{}, Doc: "A row of the kernel's routing table."},
				{Name: "Neighbour", Of: Neighbour{}, Doc: "An entry of the kernel's neighbour table (ip-neighbour(8))."},
				{Name: "Manners", Of: Manners{}, Doc: "What a link does to frames, by the end that sends them."},
				{Name: "Manner", Of: Manner{}, Doc: "What a link does to the frames of one end."},
				{Name: "Traffics", Of: Traffics{}, Doc: "What has become of a link's frames, by the end that sent them."},
				{Name: "Traffic", Of: Traffic{}, Doc: "What has become of the frames that one end sent."},
				{Name: "Output", Of: Output{}, Doc: "What a program wrote, and how it ended."},
			},
		}},
	}
}

func spawn(name string, f func()) { lua.Go(name, nil, f) }

func labType() lua.Type {
	return lua.Type{Name: "Lab", Of: (*Lab)(nil), Doc: "A laboratory: hosts, routers, switches and links.",
		Fields: []lua.Field{
			{Name: "hosts", Doc: "Its hosts, routers and switches, by name.", Get: (*Lab).hostsByName},
			{Name: "links", Doc: "Its links, in order of making.", Get: (*Lab).allLinks},
			{Name: "pid", Doc: "Its process.", Get: func(l *Lab) int { return l.process.Pid() }},
		},
		Methods: []lua.Func{
			{Name: "host", Params: "name, options", Returns: "Host", Call: (*Lab).host,
				Doc: "Adds a host. Its addresses come with its links, unless they are given."},
			{Name: "router", Params: "name, options", Returns: "Host", Call: (*Lab).router,
				Doc: "Adds a router: a host that forwards. Everybody's routes lead over it where it is on the way."},
			{Name: "switch", Params: "name", Returns: "Host", Call: (*Lab).switchNode,
				Doc: "Adds a switch: what is linked to it is one network. It has no address."},
			{Name: "link", Params: "a, b, options", Returns: "Link", Call: (*Lab).link,
				Doc: `Links two hosts, routers or switches.

Each link between hosts or routers is a network of its own, 10.0.1.0/24 and fd00:0:0:1::/64, 10.0.2.0/24 and so on; a
router has the first address in it. What is linked to a switch shares one.

A link can be slow or lossy, as tc-netem(8) makes one. Chance is drawn from the laboratory's seed, for each direction
and each protocol apart: the n-th frame of UDP from a to b has the same fate in every run.`,
				Example: `local l = assert(lab.new{seed = 1})
local a, b = l:host("a"), l:host("b")
l:link(a, b, {delay = 0.05, loss = 0.01})
print(l:picture())
local c = assert(client.dial(assert(server.start{handler = "echo", on = b}).addr, {on = a}))
local sent = fiber.now()
c:send("ping") c:recv(4)
print(fiber.now() - sent >= 0.1)
--> a     host
--> └─ b  host  10.0.1.2  (10.0.1.1 on a) 50 ms, 1% lost
--> true`},
			{Name: "run", Params: "host, f, ...", Returns: "f's results", Call: (*Lab).run,
				Doc: "Calls f(...) with the host as the default of every option on, also in the fibers that f starts.",
				Example: `local l, a, r, b = assert(lab.line("a", "r", "b"))
print(l:run(b, function()
    return (assert(server.start{handler = "echo"}).addr:gsub(":%d+", ""))
end))  --> 10.0.2.2`},
			{Name: "exec", Params: "host, program, ...", Returns: "{out, err, code} | nil, err", Call: (*Lab).exec,
				Doc: "Runs a program on a host, with the words that follow as its arguments, and waits for its end. It sees the machine's programs and libraries and none of its data; in a script file there are no programs (--host). The first 8 MiB of each output are kept."},
			{Name: "picture", Returns: "string", Call: (*Lab).picture, Doc: "Draws the laboratory: who is linked to whom, with the addresses.",
				Example: `local l = assert(lab.line("a", "r", "b"))
print(l:picture())
--> r     router
--> ├─ a  host    10.0.1.2  (10.0.1.1 on r)
--> └─ b  host    10.0.2.2  (10.0.2.1 on r)`},
			{Name: "close", Call: func(l *Lab, _ context.Context) { l.close() }, Doc: "Ends the laboratory, and everything in it."},
		}}
}

func hostType() lua.Type {
	return lua.Type{Name: "Host", Of: (*Host)(nil), Doc: "A host, router or switch of a laboratory: a network of its own, to be given as the option on.",
		Fields: []lua.Field{
			{Name: "name", Doc: "Its name, which the others know, too.", Get: (*Host).Name},
			{Name: "kind", Doc: "\"host\", \"router\" or \"switch\".", Get: (*Host).kind},
			{Name: "addrs", Doc: "Its addresses, as text: IPv4 before IPv6, each in order of its links.", Get: (*Host).addrs},
			{Name: "resolver", Doc: "The name server that it asks, or \"\".", Get: (*Host).Resolver},
		},
		Methods: []lua.Func{
			{Name: "interfaces", Returns: "list of {name, mac, addrs, mtu, up} | nil, err", Call: (*Host).interfaces,
				Doc: "Lists its interfaces as the kernel has them, the loopback device last. Addresses have the size of their network."},
			{Name: "routes", Returns: "list of {dst, via, dev} | nil, err", Call: (*Host).routes,
				Doc: "Lists its routing table as the kernel has it."},
			{Name: "neighbours", Returns: "list of {ip, mac, state, dev} | nil, err", Call: (*Host).neighbours,
				Doc: "Lists its neighbour table, which ARP and neighbour discovery fill: which Ethernet address it sends to for which IP address."},
			{Name: "set_neighbour", Params: "ip, [mac]", Call: (*Host).setNeighbour,
				Doc: "Sets a permanent entry of the neighbour table, which nothing that is heard changes; without mac the entry is removed.",
				Example: `local l, a, r, b = assert(lab.line("a", "r", "b"))
a:set_neighbour("10.0.1.1", "02:00:00:00:99:99")
print(a:neighbours()[1].state)  --> PERMANENT
print(select(2, client.dial("b:80", {on = a, timeout = 0.2})).code)  --> ETIMEDOUT`},
			{Name: "add_address", Params: "ip, [interface]", Call: (*Host).addAddress,
				Doc: "Gives it an address more, \"10.0.1.9/24\". Without a size it is that of the network it is in, or a host of its own; without an interface it is the one on that network, or the first. Nobody checks that no other host has it."},
			{Name: "remove_address", Params: "ip", Call: (*Host).removeAddress,
				Doc: "Takes an address away."},
			{Name: "sysctl", Params: "name, [value]", Returns: "value | true | nil, err", Call: (*Host).sysctl,
				Doc: "Reads or sets one of the kernel's settings for this host's network, by sysctl(8)'s name: \"net.ipv4.tcp_syncookies\".",
				Example: `local l = assert(lab.new())
local a = l:host("a")
print(a:sysctl("net.ipv4.tcp_syncookies", 0), a:sysctl("net.ipv4.tcp_syncookies"))  --> true	0`},
		}}
}

func linkType() lua.Type {
	return lua.Type{Name: "Link", Of: (*Link)(nil), Doc: "A link of a laboratory.",
		Fields: []lua.Field{
			{Name: "a", Doc: "The host at one end.", Get: func(l *Link) *Host { return l.a }},
			{Name: "b", Doc: "The host at the other end.", Get: func(l *Link) *Host { return l.b }},
			{Name: "mtu", Doc: "The most bytes of an IP packet on it.", Get: (*Link).mtu},
			{Name: "is_cut", Doc: "Whether it is cut.", Get: (*Link).isCut},
			{Name: "shape", Doc: "What it does to frames, in the words of set: {a = {delay, …}, b = {delay, …}}, of what each end sends.", Get: (*Link).shape},
		},
		Methods: []lua.Func{
			{Name: "cut", Call: (*Link).cut, Doc: "Has the link lose everything from now on, both ways. Neither end is told: its interface stays up."},
			{Name: "mend", Call: (*Link).mend, Doc: "Lets frames through again."},
			{Name: "set", Params: "options", Call: (*Link).set,
				Doc: `Changes what the link does to frames, both ways or only to what one end sends. What is not named stays as it is.

What is on its way arrives as it would have; what comes in the very moment in which a plain link becomes slow or lossy,
or plain again, may be lost.`,
				Example: `local l = assert(lab.line("a", "b"))
local link = l.links[1]
link:set{delay = 0.02, jitter = 0.005}
link:set{rate = 1e6, from = l.hosts.b}
print(link)  --> Link a–b from a 20 ms ± 5 ms, from b 20 ms ± 5 ms, 1 Mbit/s
print(link.shape.b.rate, link.shape.a.rate)  --> 1000000	inf
link:set{delay = 0, jitter = 0, rate = math.huge}
print(link)  --> Link a–b`},
			{Name: "stats", Returns: "{a = {passed, …}, b = {passed, …}} | nil, err", Call: (*Link).stats,
				Doc: "Counts what has become of the frames that each end sent. Those that passed while the link was a plain one are not among them: no part of nsh has seen them.",
				Example: `local l = assert(lab.new{seed = 1})
local a, b = l:host("a"), l:host("b")
local link = l:link(a, b)
link:set{loss = 1}
print(select(2, client.dial("b:80", {on = a, timeout = 0.1})).code)  --> ETIMEDOUT
print(link:stats().a.lost > 0, link:stats().a.passed)  --> true	0`},
		}}
}
