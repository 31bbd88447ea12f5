// Package sock is the plugin that asks the kernel about sockets: which there are, in which states, and what it knows
// of one connection. It reads the kernel's own table over sock_diag(7), in whatever network the script means.
package sock

import (
	"slices"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/tracefs"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

const about = "Asks the kernel about sockets: which there are, in which states, what waits in their queues, what it has counted, and what it knows of one connection."

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name:  "sock",
		Doc:   about,
		Roles: []engines.Role{{Name: traceRole, Run: func(args []string) int { return tracefs.Run(strings.Join(args, " ")) }}},
		Modules: []lua.Module{{
			Name: "sock",
			Doc:  about,
			Funcs: append([]lua.Func{
				{
					Name: "list", Params: "options", Returns: "list of Socket | nil, err", Call: list, Words: stateWords(),
					Doc: `Lists sockets as the kernel has them, TIME_WAIT and half-open ones included.

Each row is a Socket, a snapshot. Sockets that come or go while the kernel walks its table may be missing; none is
there twice.`,
					Example: listExample,
				},
				{
					Name: "states", Params: "options", Returns: "{ESTABLISHED = n, …} | nil, err", Call: states, Words: stateWords(),
					Doc: `Counts sockets by state: every state is there, with 0 where there is none.

The filters are those of sock.list.`,
					Example: statesExample,
				},
				{
					Name: "info", Params: "conn", Returns: "TCPInfo | nil, err", Call: info,
					Doc: `Reads the kernel's TCP_INFO of a connection, by its field names without tcpi_.

Units are the kernel's: rtt, rto and min_rtt are microseconds, the last_… fields milliseconds.`,
					Example: infoExample,
				},
				{
					Name: "holders", Params: "conn", Returns: "list of {pid, fd, process} | nil, err", Call: holdersOf,
					Doc: `Lists who has a connection open: every descriptor of it in every process that can be seen.

conn is a Conn, or a Socket of sock.list, as a server's listener is. An ordinary user sees the descriptors of their own
processes only, so an empty list means "nobody that I may look at", not "nobody".`,
					Example: holdersExample,
				},
				{
					Name: "queue", Params: "port, options", Returns: "list of Queue | nil, err", Call: queue,
					Doc: `Reads the accept queues of a port: one row for each listener, none where nobody listens.

drops are those of this very listener. Overflows the kernel counts for the whole network only, and scope says so:
"namespace/listener". Where no other listener overflows, the two tell of the same SYNs.`,
					Example: queueExample,
				},
				{
					Name: "queues", Params: "options", Returns: "list of Queue | nil, err", Call: queues,
					Doc:     "Reads the accept queues of every listener, fullest first.",
					Example: queuesExample,
				},
				{
					Name: "counters", Params: "options", Returns: "Counters | nil, err", Call: counters,
					Doc: `Reads every counter of the network, by group and name: those of /proc/net/snmp, netstat and snmp6.

It prints those that are not 0, with what they count; help("CounterGroup") lists the meanings. All are in the table, and
a name that the kernel does not have is an error. What a thing costs is better asked of sock.delta.`,
					Example: countersExample,
				},
				{
					Name: "totals", Params: "options", Returns: "Totals | nil, err", Call: totals,
					Doc: "Reads how many sockets there are, by protocol, as the kernel counts them anyway (/proc/net/sockstat): as fast for a million as for ten.",
					Example: `local before = assert(sock.totals()).tcp.inuse
local s = assert(server.start{model = "epoll", handler = "echo"})
assert(sock.totals().tcp.alloc >= 1 and before >= 0)`,
				},
				{
					Name: "delta", Params: "f, options", Returns: "Changes, f's results… | nil, err", Call: delta,
					Doc: `Calls f and says by how much each counter of the network has changed meanwhile: 0 where it has not.

It prints what changed. f may wait; its results come after the changes, and its errors are the caller's. Whatever else
went on in that network is counted, too: a script file has one of its own.`,
					Example: deltaExample,
				},
				{
					Name: "limits", Params: "options", Returns: "Limits | nil, err", Call: limits,
					Doc:     "Reads the settings of the network that its programs run into (sysctl net.core and net.ipv4), and prints them with what each limits.",
					Example: limitsExample,
				},
			}, recorderFuncs()...),
			Types: slices.Concat([]lua.Type{rowType(), {
				Name: "TCPInfo", Of: plugins.TCPInfo{},
				Doc: "What the kernel knows of a connection (struct tcp_info of linux/tcp.h).",
			}, {
				Name: "Memory", Of: Memory{},
				Doc: "What a socket's buffers take, in bytes.",
			}, {
				Name: "States", Of: States{},
				Doc: "Numbers of sockets by state.",
			}}, kernelTypes(), recorderTypes()),
		}},
	}
}

// kernelTypes are what the kernel says of a whole network.
func kernelTypes() []lua.Type {
	return []lua.Type{{
		Name: "Queue", Of: Queue{},
		Doc: "A listener's accept queue, and what waits before it.",
	}, {
		Name: "Totals", Of: Totals{},
		Doc: "Numbers of sockets, as the kernel keeps them.",
	}, {
		Name: "Counters", Of: Counters{}, Strict: true,
		Doc: "The kernel's counters of one network. It prints those that are not 0; pairs() and --json have them all.",
		Fields: []lua.Field{
			{Name: "Tcp", Doc: "TCP, as RFC 4022 has it"},
			{Name: "TcpExt", Doc: "what Linux counts of TCP beyond that"},
			{Name: "MPTcpExt", Doc: "Multipath TCP"},
			{Name: "Udp", Doc: "UDP over IPv4; Udp6, UdpLite and UdpLite6 have the same names"},
			{Name: "Icmp", Doc: "ICMP, as RFC 2011 has it; Icmp6 is that of IPv6"},
			{Name: "IcmpMsg", Doc: "ICMP messages by their type's number: InType3, OutType11"},
			{Name: "Ip", Doc: "IPv4, as RFC 4293 has it; Ip6 is IPv6"},
			{Name: "IpExt", Doc: "what Linux counts of IPv4 beyond that: bytes, multicast, ECN"},
		},
		Methods: []lua.Func{{
			Name: "watch", Params: "options", Returns: "true | nil, err", Call: follow,
			Doc: "Follows them: prints each counter that has changed, by how much and to what, with what it counts, once a second, until Ctrl-C.",
		}},
	}, {
		Name: "CounterGroup", Of: Group{}, Strict: true, Fields: counterFields(),
		Doc: "A group of counters. The kernel has some hundred; these are the ones that laboratories use, with the group that has them.",
	}, {
		Name: "Changes", Of: Changes{}, Strict: true,
		Doc: "By how much each counter has changed, in the shape of Counters. It prints those that have. Tcp.CurrEstab, which goes up and down, may be negative.",
	}, {
		Name: "ChangeGroup", Of: GroupChanges{}, Strict: true,
		Doc: "By how much the counters of a group have changed; help(\"CounterGroup\") says what they count.",
	}, {
		Name: "Limits", Of: Limits{}, Strict: true,
		Doc: "Settings of a network that its programs run into, by the last part of their names in sysctl(8). What the kernel or that network does not have is nil.",
	}}
}

const listExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local rows = assert(sock.list{state = "listen", local_port = s.port})
print(#rows, rows[1].state, rows[1].local_addr == s.addr)  --> 1	LISTEN	true
for _, row in ipairs(assert(sock.list{port = s.port, process = 1e9})) do error("nobody has this pid") end`

const statesExample = `local s = assert(server.start{model = "goroutine", handler = "echo", addr = "127.0.0.8:0"})
local c = assert(client.dial(s.addr))
local mine = {port = s.port, address = "127.0.0.8"}
check.within(5, function()
    local n = assert(sock.states(mine))
    return n.ESTABLISHED == 2, n
end)
local n = assert(sock.states(mine))
print(n.LISTEN, n.TIME_WAIT)  --> 1	0`

const infoExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local c = assert(client.dial(s.addr))
c:send("hello") assert(c:recv(5) == "hello")
local i = assert(sock.info(c))
print(i.state, i.bytes_received)  --> ESTABLISHED	5
assert(i.rtt > 0 and i.snd_cwnd > 0)`

const holdersExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local c = assert(client.dial(s.addr))
local mine = assert(sock.holders(c))
print(#mine, mine[1].fd == c:fileno())  --> 1	true
local row = assert(sock.list{state = "LISTEN", local_port = s.port})[1]
print(sock.holders(row)[1].pid == mine[1].pid)  --> true`

const queueExample = `local s = assert(server.start{model = "iterative", backlog = 2, handler = function(conn) conn:recv() end})
local first = assert(client.dial(s.addr))  -- the handler waits for it, and accepts nobody else
check.within(5, function() return s:stats().accepted == 1 end)
local crowd = client.open{to = s.addr, n = 3}
check.within(5, function() local q = sock.queue(s.port)[1] return q.len == 3, q end)
local q = assert(sock.queue(s.port))[1]
print(q.addr == s.addr, q.len, q.limit, q.syn_recv)  --> true	3	2	0
print(#sock.queue(1))  --> 0`

const queuesExample = `local s = assert(server.start{model = "goroutine", handler = "echo", backlog = 7})
for _, q in ipairs(assert(sock.queues())) do
    if q.addr == s.addr then print(q.len, q.limit, q.drops) end  --> 0	7	0
end`

const countersExample = `local n = assert(sock.counters())
assert(n.Tcp.InSegs >= 0 and n.Udp.NoPorts >= 0)
print(pcall(function() return n.TcpExt.ListenOverflow end))
--> false	test.lua:3: CounterGroup has no field "ListenOverflow", did you mean 'ListenOverflows'?`

const deltaExample = `local d, c, err = sock.delta(function() return client.dial("127.0.0.1:1") end)
print(c, err.code)  --> nil	ECONNREFUSED
assert(d.Tcp.AttemptFails >= 1 and d.Tcp.OutRsts >= 1)`

const limitsExample = `local l = assert(sock.limits())
assert(l.somaxconn > 0 and l.ip_local_port_range[1] < l.ip_local_port_range[2])`
